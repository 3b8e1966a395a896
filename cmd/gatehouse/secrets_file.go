package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"gatehouse/authz"
)

// readSecretsFile reads system secrets, one on each line, the current one first.
func readSecretsFile(path string) ([][]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := Config{from: origins{"secrets": "file " + path}}
	if err := secrets(&c.Secrets).set(string(content)); err != nil {
		return nil, c.wrong("secrets", err.Error())
	}
	return c.Secrets, c.checkSecrets()
}

// writeSecretsFile replaces the file whole, so that nobody ever reads half of
// it. Its owner stays, and so do the rights of its owner and group, to read and
// write.
func writeSecretsFile(path string, list [][]byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	before, err := os.Stat(path)
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = part.Write(append(bytes.Join(list, []byte("\n")), '\n'))
	if err == nil {
		err = likeBefore(part, before)
	}
	if err = errors.Join(err, part.Sync(), part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// likeBefore lets those read a new file who could read the old one, but nobody
// in the world.
func likeBefore(part *os.File, before fs.FileInfo) error {
	if owner, ok := before.Sys().(*syscall.Stat_t); ok && (int(owner.Uid) != os.Getuid() || int(owner.Gid) != os.Getgid()) {
		if err := part.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return part.Chmod(before.Mode().Perm()&0o640 | 0o600)
}

// secretsFollower hands on what the file of the system secrets says: whoever
// rotates them need not restart the server.
type secretsFollower struct {
	path    string
	set     func([][]byte) error
	log     *slog.Logger
	inForce [][]byte
	seen    [][]byte // at the last look
	broken  string   // what was complained about last
}

// run looks at the file once a second until ctx ends.
func (f *secretsFollower) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.look()
		}
	}
}

// look takes a change over once two looks have seen the same: somebody may be
// writing. While the file is broken the old secrets stay.
func (f *secretsFollower) look() {
	list, err := readSecretsFile(f.path)
	if err == nil && slices.EqualFunc(list, f.inForce, bytes.Equal) {
		f.seen, f.broken = nil, ""
		return
	}
	if err == nil && !slices.EqualFunc(list, f.seen, bytes.Equal) {
		f.seen = list
		return
	}
	if err == nil {
		err = f.set(list)
	}
	switch {
	case err == nil:
		f.inForce, f.seen, f.broken = list, nil, ""
		f.log.Info("system secrets read again", "file", f.path, "ids", secretIDs(list))
	case f.broken != err.Error():
		f.broken = err.Error()
		f.log.Error("the system secrets are broken, the old ones stay in use", "file", f.path, "err", err)
	}
}

// secretIDs are the public names of secrets.
func secretIDs(list [][]byte) []string {
	ids := make([]string, len(list))
	for i, s := range list {
		ids[i] = hex.EncodeToString(authz.SecretID(s))
	}
	return ids
}

const noSecretsFile = "can be changed by this command only in a file: move them to one, each on a line of its own, " +
	"and name it in GATEHOUSE_SECRETS_FILE, which servers follow without a restart. " +
	"By hand: put a new secret of at least 32 random bytes at the end of the list, then move it to the front, " +
	"then drop the old one when nothing that it made is good any more, and restart every replica after each step"

// checkSecretsFile is what gatehouse secrets rotate needs.
func (c Config) checkSecretsFile() error {
	if err := c.checkSecrets(); err != nil {
		return err
	}
	if c.SecretsFile == "" {
		return c.wrong("secrets", noSecretsFile)
	}
	return nil
}

// checkUnchanged refuses to overwrite what somebody else has just written.
func (c Config) checkUnchanged() error {
	now, err := readSecretsFile(c.SecretsFile)
	if err == nil && !slices.EqualFunc(now, c.Secrets, bytes.Equal) {
		err = fmt.Errorf("%s has just been changed by somebody else: look at it again", c.SecretsFile)
	}
	return err
}
