package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// devCredentials are what a folder of gatehouse dev has: random, made once.
type devCredentials struct {
	Clients   map[string]devClient `json:"clients"`
	User      devUser              `json:"user"`
	Superuser devUser              `json:"superuser"`
}

type devClient struct {
	ID     string `json:"id"`
	Secret string `json:"secret,omitempty"`
}

type devUser struct {
	Email     string `json:"email"`
	Username  string `json:"username,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	Password  string `json:"password"`
}

// devApp is what we are at a provider's stand-in.
type devApp struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
}

// devData is the folder; its fields are those of dev.json.
type devData struct {
	dir string
	devCredentials
	StandIns map[string]devApp `json:"stand_ins"` // by provider
}

// openDevData makes the folder, its system secret and its credentials, or
// finds them again and adds what an earlier build did not make.
func openDevData(dir string) (*devData, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil { // it may have been there
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "secrets")); errors.Is(err, fs.ErrNotExist) {
		if err := writeWhole(filepath.Join(dir, "secrets"), []byte(rand.Text()+rand.Text()+"\n")); err != nil {
			return nil, err
		}
	}
	d, err := readDevData(dir)
	if errors.Is(err, fs.ErrNotExist) {
		d, err = &devData{dir: dir}, nil
	}
	if err != nil {
		return nil, err
	}
	before, _ := os.ReadFile(d.file()) // none: there is nothing to compare with
	d.complete()
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil || bytes.Equal(before, text) {
		return d, err
	}
	return d, writeWhole(d.file(), text)
}

// readDevData reads the credentials of a folder that gatehouse dev made.
func readDevData(dir string) (*devData, error) {
	d := &devData{dir: dir}
	text, err := os.ReadFile(d.file())
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("%s: %w", d.file(), err)
	}
	return d, nil
}

func (d *devData) file() string { return filepath.Join(d.dir, "dev.json") }

// complete makes what is not there yet.
func (d *devData) complete() {
	if d.User == (devUser{}) {
		d.User = devUser{"demo@example.com", "demo", "Demo", rand.Text()[:16]}
	}
	if d.Superuser == (devUser{}) {
		d.Superuser = devUser{"admin@example.com", "admin", "Admin", rand.Text()[:16]}
	}
	if d.Clients == nil {
		d.Clients = make(map[string]devClient)
	}
	if d.StandIns == nil {
		d.StandIns = make(map[string]devApp)
	}
	for _, id := range []string{"web", "spa", "tutorial", "resource", "service", "operator"} {
		if _, ok := d.Clients[id]; ok {
			continue
		}
		client := devClient{ID: id}
		if id != "spa" {
			client.Secret = rand.Text() + rand.Text()
		}
		d.Clients[id] = client
	}
	for name, app := range map[string]devApp{
		"google":   {ClientID: "1000000000000-dev.apps.googleusercontent.com", ClientSecret: rand.Text()},
		"facebook": {ClientID: "1000000000000001", ClientSecret: rand.Text()},
	} {
		if d.StandIns[name].ClientSecret == "" { // Google's had none at first
			d.StandIns[name] = app
		}
	}
}

// writeWhole writes a private file so that nobody ever reads half of it.
func writeWhole(path string, text []byte) error {
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = part.Write(text)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		os.Remove(part.Name())
	}
	return err
}
