package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// How long a program may take to listen, and to end.
const (
	startWithin = 20 * time.Second
	stopWithin  = 15 * time.Second
)

// build makes the binary as `make build` does and returns its path.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "gatehouse")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "gatehouse/cmd/gatehouse")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build gatehouse: %w\n%s", err, out)
	}
	return binary, nil
}

// process is a program that we started and that we end, by its own pid.
type process struct {
	cmd  *exec.Cmd
	addr string
	log  string        // the file that it logs to
	done chan struct{} // closed once it has ended
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the program and waits for that.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopWithin):
		p.cmd.Process.Kill()
		<-p.done
	}
	os.Remove(p.log)
}

// start runs a program in a process group of its own, so that a signal from
// the terminal reaches it by us, after the load has ended.
func (b *bench) start(cmd *exec.Cmd) (*process, error) {
	log, err := os.CreateTemp(b.dir, "log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, log: log.Name(), done: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// said is the end of what a program logged, for an error.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log)
	return string(bytes.TrimSpace(text[max(0, len(text)-2000):]))
}

// startServer runs `gatehouse serve` on the database and returns once it
// accepts connections.
func (d *database) startServer(ctx context.Context, level string, facade bool) (*process, error) {
	if level == "" {
		level = "warn"
	}
	addrs, err := freeAddrs(3)
	if err != nil {
		return nil, err
	}
	config, err := os.CreateTemp(d.bench.dir, "*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(config.Name())
	fmt.Fprintf(config, "issuer: http://%s\npublic:\n  addr: %[1]s\nadmin:\n  addr: %s\ndatabase:\n  url: %q\nlog:\n  level: %s\n",
		addrs[0], addrs[1], d.url, level)
	if i := d.bench.issuer; i != nil {
		fmt.Fprintf(config, "providers:\n  %s:\n    kind: oidc\n    issuer: %s\n    jwks_uri: %[2]s/keys\n    audiences: [%s]\n", providerName, i.url, providerAudience)
	}
	args := []string{"serve", "--config", config.Name()}
	if facade {
		fmt.Fprintf(config, "api:\n  addr: %s\n  client_id: %s\n  drf: true\n  drf_client_id: %s\n", addrs[2], resourceClient, webClient)
		args = append(args, "--api")
	}
	if err := config.Close(); err != nil {
		return nil, err
	}
	cmd := exec.Command(d.bench.binary, args...)
	cmd.Env = []string{"GATEHOUSE_SECRETS=" + d.secret, "GATEHOUSE_API__CLIENT_SECRET=" + benchSecret, "GATEHOUSE_API__DRF_CLIENT_SECRET=" + benchSecret, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + d.bench.dir}
	p, err := d.bench.start(cmd)
	if err != nil {
		return nil, err
	}
	if p.addr = addrs[0]; facade {
		p.addr = addrs[2]
	}
	if err := p.accepts(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// accepts waits until the program takes connections.
func (p *process) accepts(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < startWithin; time.Sleep(200 * time.Microsecond) {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return errors.New("the server ended: " + p.said())
		default:
		}
	}
	return errors.New("the server does not listen: " + p.said())
}

// startFloor runs one floor as a process of its own. It ends with our end of
// its standard input, should we be killed.
func (d *database) startFloor(ctx context.Context, name string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, floorCommand, name, d.url)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, in, err := os.Pipe() // StdoutPipe would be closed by Wait
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout = in
	p, err := d.bench.start(cmd)
	in.Close()
	if err != nil {
		return nil, err
	}
	out.SetReadDeadline(time.Now().Add(startWithin))
	line, err := bufio.NewReader(out).ReadString('\n')
	if p.addr = strings.TrimSpace(line); err != nil || p.addr == "" {
		defer p.stop()
		return nil, fmt.Errorf("floor %s: %w: %s", name, errors.Join(err, ctx.Err()), p.said())
	}
	return p, nil
}

// freeAddrs are loopback addresses that nobody listens on just now.
func freeAddrs(n int) ([]string, error) {
	var list []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all at the end, so that they differ
		list = append(list, l.Addr().String())
	}
	return list, nil
}
