package store

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A hash worker is a process beside the server that computes its hashes at a
// lower priority: a burst of sign-ins takes the cores that nobody else needs.
// It is started by the first hash, told what to do over its standard input, and
// ends when there has been nothing to do for a while.

// workerIdle is how long a worker waits for the next hash before it goes.
const workerIdle = time.Minute

var errWorkerGone = errors.New("the hash worker is gone")

// hashJob is what a worker is asked, hashDone what it answers.
type (
	hashJob struct {
		ID                           uint64
		Algorithm, Password          string
		Rounds, Memory, Block, Lanes int
		Salt, Key                    []byte
		Match                        bool // tell whether the key is the password's; otherwise return it
	}
	hashDone struct {
		ID     uint64
		OK     bool
		Key    []byte
		Failed string
	}
)

// ServeHashes is a worker's whole life: it answers what comes in until in ends.
func ServeHashes(in io.Reader, out io.Writer) error {
	jobs, answers := gob.NewDecoder(in), gob.NewEncoder(out)
	var mu sync.Mutex
	var running sync.WaitGroup
	defer running.Wait()
	for {
		var j hashJob
		if err := jobs.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read what to hash: %w", err)
		}
		running.Go(func() {
			done := j.do()
			mu.Lock()
			defer mu.Unlock()
			answers.Encode(done) // fails if the server is gone, and then so does the next read
		})
	}
}

func (j *hashJob) do() hashDone {
	s := storedHash{hashParams{j.Algorithm, j.Rounds, j.Memory, j.Block, j.Lanes}, j.Salt, j.Key}
	done := hashDone{ID: j.ID}
	var err error
	if j.Match {
		done.OK, err = s.matches(j.Password)
	} else {
		done.Key, err = s.derive(j.Password)
	}
	if err != nil {
		done.Failed = err.Error()
	}
	return done
}

// hashWorker is the server's end. Whatever goes wrong with the worker, the hash
// is computed here instead.
type hashWorker struct {
	start func() (io.ReadWriteCloser, error) // what is written reaches a worker's ServeHashes, and what is read comes from it

	mu  sync.Mutex
	now *hashProcess // nil: none is running
}

// hashProcess is one worker, from its start to its end; its fields are guarded
// by hashWorker.mu.
type hashProcess struct {
	pipe    io.ReadWriteCloser
	jobs    *gob.Encoder
	next    uint64
	waiting map[uint64]chan hashDone
	idle    *time.Timer
}

// ask gives a worker one job and waits for the answer.
func (w *hashWorker) ask(j hashJob) (hashDone, error) {
	answer, err := w.send(j)
	if err != nil {
		return hashDone{}, err
	}
	done, ok := <-answer
	if !ok {
		return done, errWorkerGone
	}
	if done.Failed != "" {
		return done, errors.New(done.Failed)
	}
	return done, nil
}

func (w *hashWorker) send(j hashJob) (<-chan hashDone, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now == nil {
		pipe, err := w.start()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errWorkerGone, err)
		}
		p := &hashProcess{pipe: pipe, jobs: gob.NewEncoder(pipe), waiting: make(map[uint64]chan hashDone)}
		p.idle = time.AfterFunc(workerIdle, func() { w.end(p, true) })
		w.now = p
		go w.read(p)
	}
	p := w.now
	p.next++
	j.ID = p.next
	answer := make(chan hashDone, 1)
	p.waiting[j.ID] = answer
	p.idle.Stop()
	if err := p.jobs.Encode(j); err != nil {
		delete(p.waiting, j.ID)
		p.pipe.Close() // and read ends it for all
		return nil, fmt.Errorf("%w: %w", errWorkerGone, err)
	}
	return answer, nil
}

// read hands the answers out until the worker is gone.
func (w *hashWorker) read(p *hashProcess) {
	defer w.end(p, false)
	answers := gob.NewDecoder(p.pipe)
	for {
		var done hashDone
		if answers.Decode(&done) != nil {
			return
		}
		w.mu.Lock()
		if answer, ok := p.waiting[done.ID]; ok {
			delete(p.waiting, done.ID)
			answer <- done
			if len(p.waiting) == 0 {
				p.idle.Reset(workerIdle)
			}
		}
		w.mu.Unlock()
	}
}

// end lets a worker go: one with nothing to do, or one that is gone already.
func (w *hashWorker) end(p *hashProcess, onlyIdle bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now != p || onlyIdle && len(p.waiting) > 0 {
		return
	}
	for _, answer := range p.waiting {
		close(answer)
	}
	p.pipe.Close()
	p.idle.Stop()
	w.now = nil
}

// job is s as a worker is told it.
func (s storedHash) job(password string, match bool) hashJob {
	return hashJob{Algorithm: s.algorithm, Rounds: s.rounds, Memory: s.memory, Block: s.block, Lanes: s.lanes,
		Salt: s.salt, Key: s.key, Password: password, Match: match}
}

// derive computes s's key, by a worker if there is one.
func (h *Hasher) derive(s storedHash, password string) ([]byte, error) {
	if h.worker != nil {
		if done, err := h.worker.ask(s.job(password, false)); !errors.Is(err, errWorkerGone) {
			return done.Key, err
		}
	}
	return s.derive(password)
}

// matches compares, by a worker if there is one.
func (h *Hasher) matches(s storedHash, password string) (bool, error) {
	if h.worker != nil {
		if done, err := h.worker.ask(s.job(password, true)); !errors.Is(err, errWorkerGone) {
			return done.OK, err
		}
	}
	return s.matches(password)
}
