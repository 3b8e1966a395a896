package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"gatehouse/store"
)

// hashNiceness is how much a hash worker steps back: with every core busy it
// gets about a tenth of what the server gets, and all that the server leaves.
const hashNiceness = 10

// newHashWorker is what the server starts to hash passwords; it is no business
// of people.
func newHashWorker() *cobra.Command {
	return &cobra.Command{
		Use: "hash-worker", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return store.ServeHashes(cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

// workerPipe is a worker's standard input and output.
type workerPipe struct {
	io.Reader
	io.WriteCloser
}

// startHashWorker starts this program once more. A process has the niceness of
// the thread that makes it, and a thread that nobody unlocks ends with its
// goroutine: so nothing else here becomes nicer.
func startHashWorker() (io.ReadWriteCloser, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: self, Args: []string{"gatehouse", "hash-worker"}, Env: []string{}}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, hashNiceness); err != nil {
			started <- fmt.Errorf("step back: %w", err)
			return
		}
		started <- cmd.Start()
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	go cmd.Wait() // it ends with its standard input
	return workerPipe{out, in}, nil
}
