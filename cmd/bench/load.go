package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// answerWithin is how long a connection waits for the answers of one round
// beyond its window.
const answerWithin = 30 * time.Second

// target says where load goes, and as which client.
type target struct {
	addr   string // host:port
	path   string
	client string // authenticates by HTTP Basic; empty: not at all
	cookie string // of a browser, which sends the form by GET, in the query; empty: a client, which sends it by POST
}

// form appends what one connection's next request says. last is the answer to
// the one before, empty at first.
type form func(buf, last []byte) []byte

// load keeps connections that each send a request as soon as the one before is
// answered. Written by hand on net.Conn, as the machine's cores are shared with
// what is measured.
type load struct{ workers []*worker }

type worker struct {
	conn    net.Conn
	in      *bufio.Reader
	form    form
	head    []byte // the request up to the value of Content-Length; of a GET, up to the query
	tail    []byte // of a GET, what follows the query; empty for a POST
	body    []byte
	request []byte
	last    bytes.Buffer // the latest answer's Location, if it has one, and body
}

// request is what stays the same in all requests to a target: a worker's head
// and tail.
func (t target) request() (head, tail string) {
	if t.cookie != "" {
		return "GET " + t.path + "?", " HTTP/1.1\r\nHost: " + t.addr + "\r\nCookie: " + t.cookie + "\r\n\r\n"
	}
	head = "POST " + t.path + " HTTP/1.1\r\nHost: " + t.addr + "\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	if t.client != "" {
		head += "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(t.client+":"+benchSecret)) + "\r\n"
	}
	return head + "Content-Length: ", ""
}

func dial(ctx context.Context, t target, conns int, forms func(conn int) form) (*load, error) {
	head, tail := t.request()
	l := new(load)
	for i := range conns {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.addr)
		if err != nil {
			l.close()
			return nil, err
		}
		l.workers = append(l.workers, &worker{conn: conn, in: bufio.NewReader(conn), form: forms(i), head: []byte(head), tail: []byte(tail)})
	}
	return l, nil
}

func (l *load) close() {
	for _, w := range l.workers {
		w.conn.Close()
	}
}

// do sends one request and returns the status; the rest of the answer is in
// w.last.
func (w *worker) do() (int, error) {
	w.body = w.form(w.body[:0], w.last.Bytes())
	w.request = append(w.request[:0], w.head...)
	if len(w.tail) > 0 {
		w.request = append(append(w.request, w.body...), w.tail...)
	} else {
		w.request = strconv.AppendInt(w.request, int64(len(w.body)), 10)
		w.request = append(append(w.request, "\r\n\r\n"...), w.body...)
	}
	if _, err := w.conn.Write(w.request); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	w.last.Reset()
	w.last.WriteString(resp.Header.Get("Location"))
	if _, err := io.Copy(&w.last, resp.Body); err != nil {
		return 0, err
	}
	if resp.Close {
		return 0, errors.New("the server closed the connection")
	}
	return resp.StatusCode, nil
}

// outcome is what one round of load got.
type outcome struct {
	requests     int
	failed       int // see good
	serverErrors int // of these, 5xx
	sample       string
	took         time.Duration
	latencies    []time.Duration
}

func (o *outcome) add(p outcome) {
	o.requests += p.requests
	o.failed += p.failed
	o.serverErrors += p.serverErrors
	o.latencies = append(o.latencies, p.latencies...)
	if o.sample == "" {
		o.sample = p.sample
	}
}

// run puts load on until the window is over and every request is answered.
func (l *load) run(ctx context.Context, window time.Duration) (outcome, error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var total outcome
	var errs []error
	began := time.Now()
	for _, w := range l.workers {
		w.conn.SetDeadline(began.Add(window + answerWithin))
		wait.Go(func() {
			o, err := w.run(ctx, began, window)
			mu.Lock()
			defer mu.Unlock()
			total.add(o)
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	wait.Wait()
	total.took = time.Since(began)
	if err := errors.Join(ctx.Err(), errors.Join(errs...)); err != nil {
		return total, fmt.Errorf("load: %w", err)
	}
	return total, nil
}

func (w *worker) run(ctx context.Context, began time.Time, window time.Duration) (outcome, error) {
	var o outcome
	for ctx.Err() == nil {
		sent := time.Now()
		if sent.Sub(began) >= window && o.requests > 0 { // at least one: a window may be shorter than a request
			break
		}
		status, err := w.do()
		if err != nil {
			return o, err
		}
		o.requests++
		o.latencies = append(o.latencies, time.Since(sent))
		if good(status, w.last.Bytes()) {
			continue
		}
		o.failed++
		if status >= 500 {
			o.serverErrors++
		}
		if o.sample == "" {
			o.sample = fmt.Sprintf("%d %s", status, bytes.TrimSpace(w.last.Bytes()))
		}
	}
	return o, nil
}

// good tells whether an answer is the one that was asked for: not of an
// inactive token, and where it sends a browser on, with a code.
func good(status int, answer []byte) bool {
	if status == http.StatusFound {
		return bytes.Contains(answer, []byte("?code="+codePrefix))
	}
	return status == http.StatusOK && !bytes.Contains(answer, []byte(`"active":false`))
}
