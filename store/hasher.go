package store

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// ErrBusy says that every worker of the Hasher is taken and its queue is full.
// Nothing was computed and the password may be right: an OAuth edge answers
// 503 temporarily_unavailable with Retry-After, never invalid_grant.
var ErrBusy = errors.New("password hasher is busy")

// The least that OWASP's Password Storage Cheat Sheet recommends for argon2id
// (RFC 9106): some 23 ms of one core.
const (
	defaultMemory  = 19456 // KiB
	defaultTime    = 2     // passes
	argon2SaltSize = 16    // bytes, RFC 9106 §3.1
	argon2KeySize  = 32    // bytes
)

// HasherConfig says how a Hasher behaves. Zero fields take the default noted.
type HasherConfig struct {
	// Workers is how many hashes run at once; default GOMAXPROCS, which is the
	// number of cores or the container's share of them. Hashing takes at most
	// Workers × Memory, or what one larger imported hash needs (≤ 256 MiB).
	Workers int

	// Queue is how many calls may wait for a worker before ErrBusy; default 64,
	// negative for none.
	Queue int

	// Memory (KiB, at most 262144) and Time (passes, at most 16) are the
	// parameters of new hashes; default 19456 and 2. They are here for tests,
	// which may take 64 and 1 (some 100 µs a hash); a server leaves them zero.
	// Stored hashes with other parameters still verify and ask for a rehash.
	Memory, Time int

	// DummyKey keys the choice that VerifyNothing makes. Servers on one database
	// share it (derived from the system secret), so that an unknown account
	// costs the same at each of them and after a restart; default random.
	DummyKey []byte

	// Worker starts a process that runs ServeHashes: what is written to the
	// result reaches it, and what it answers is read from there. Nil: hashes are
	// computed in this process.
	Worker func() (io.ReadWriteCloser, error)
}

// Hasher makes and verifies password hashes, a bounded number at a time. New
// hashes are argon2id in PHC form; the forms of hash_forms.go verify too.
type Hasher struct {
	current  hashParams
	workers  int64
	queue    int64
	unit     int // KiB of memory that go with one worker
	dummyKey []byte
	slots    *semaphore.Weighted
	waiting  atomic.Int64               // calls in the queue; written only by acquire
	forms    atomic.Pointer[formSample] // written only by NewHasher and SetForms
	worker   *hashWorker                // nil: none
}

// formSample is which forms a table holds, and how many of each were seen.
type formSample struct {
	params []hashParams // sorted, so that the same sample gives the same choices
	counts []uint64     // of the params at the same index
	total  uint64
}

// NewHasher returns a Hasher that is ready for use, by any number of goroutines.
func NewHasher(c HasherConfig) *Hasher {
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Queue == 0 {
		c.Queue = 64
	}
	if c.Memory <= 0 {
		c.Memory = defaultMemory
	}
	if c.Time <= 0 {
		c.Time = defaultTime
	}
	c.Memory = min(max(c.Memory, 8), maxMemory) // RFC 9106 §3.1: m ≥ 8·p
	c.Time = min(c.Time, maxArgon2Time)
	if len(c.DummyKey) == 0 {
		c.DummyKey = make([]byte, sha256.Size)
		rand.Read(c.DummyKey)
	}
	h := &Hasher{
		current:  hashParams{algorithm: formArgon2id, memory: c.Memory, rounds: c.Time, lanes: 1},
		workers:  int64(c.Workers),
		queue:    int64(c.Queue),
		unit:     max(c.Memory, defaultMemory),
		dummyKey: slices.Clone(c.DummyKey),
		slots:    semaphore.NewWeighted(int64(c.Workers)),
	}
	if c.Worker != nil {
		h.worker = &hashWorker{start: c.Worker}
	}
	h.SetForms(nil)
	return h
}

// Hash returns the password's argon2id hash with a fresh salt, as
// $argon2id$v=19$m=19456,t=2,p=1$salt$hash. The error is ErrBusy or wraps that
// of ctx; a hash that has begun is finished.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	s := storedHash{hashParams: h.current, salt: make([]byte, argon2SaltSize), key: make([]byte, argon2KeySize)}
	rand.Read(s.salt)
	err := h.run(ctx, s.hashParams, func() (err error) {
		s.key, err = h.derive(s, password)
		return err
	})
	if err != nil {
		return "", err
	}
	return s.phc(), nil
}

// phc is an argon2id hash in the PHC string format.
func (s storedHash) phc() string {
	return fmt.Sprintf("$%s$%s$m=%d,t=%d,p=%d$%s$%s", formArgon2id, argon2VersionTag, s.memory, s.rounds, s.lanes,
		base64.RawStdEncoding.EncodeToString(s.salt), base64.RawStdEncoding.EncodeToString(s.key))
}

// Verify tells whether the password is the one that was hashed, and if so
// whether the stored hash is of another form or cost than Hash makes today and
// should be replaced. An empty hash and Django's "!…" stand for no password:
// they never match, at the cost of a dummy. (Where the e-mail key is at hand,
// VerifyNothing with it serves an account without a password better: it then
// costs what it would if it didn't exist.)
//
// The error is ErrBusy, wraps that of ctx, or wraps ErrHashForm when the row is
// malformed or over the caps: the dummy's time has passed then, so a caller logs
// it and answers as for a wrong password.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (ok, rehash bool, err error) {
	s, formErr := parseHash(encoded)
	if formErr != nil {
		if err := h.VerifyNothing(ctx, encoded, password); err != nil {
			return false, false, err
		}
		if errors.Is(formErr, errNoPassword) {
			return false, false, nil
		}
		return false, false, formErr
	}
	err = h.run(ctx, s.hashParams, func() (err error) {
		ok, err = h.matches(s, password)
		return err
	})
	if err != nil {
		return false, false, err
	}
	return ok, ok && !h.isCurrent(encoded, s), nil
}

// isCurrent tells whether Hash would make a hash of this form and cost today.
func (h *Hasher) isCurrent(encoded string, s storedHash) bool {
	return strings.HasPrefix(encoded, "$"+formArgon2id+"$") && s.hashParams == h.current &&
		len(s.salt) == argon2SaltSize && len(s.key) == argon2KeySize
}

// VerifyNothing takes the time of a Verify that fails, so that an account which
// doesn't exist can't be told from one that does. Accounts imported from
// elsewhere cost what their old form costs; so the dummy has one of the forms
// that the table holds (SetForms), in their proportion, chosen by a keyed digest
// of key: the same key (the account's e-mail key) costs the same every time.
// The error is ErrBusy or wraps that of ctx.
func (h *Hasher) VerifyNothing(ctx context.Context, key, password string) error {
	dummy := h.dummyParams(key).dummy()
	return h.run(ctx, dummy.hashParams, func() error {
		_, err := h.matches(dummy, password)
		return err
	})
}

// dummyParams chooses among the known forms. The digest is a fraction of the
// sorted sample, not a remainder: as accounts are rehashed only the borders
// between the forms move, and few keys change their form.
func (h *Hasher) dummyParams(key string) hashParams {
	mac := hmac.New(sha256.New, h.dummyKey)
	mac.Write([]byte(key))
	forms := h.forms.Load()
	at, _ := bits.Mul64(binary.BigEndian.Uint64(mac.Sum(nil)), forms.total)
	for i, n := range forms.counts {
		if at < n {
			return forms.params[i]
		}
		at -= n
	}
	return h.current // not reached: at < total
}

// SetForms tells the Hasher which forms the table holds, by a sample of its
// stored hashes. Only their algorithms, costs and numbers are kept. Rows that
// could not verify don't count; if none is left, all dummies are of the form
// that Hash makes.
func (h *Hasher) SetForms(encoded []string) {
	seen := make(map[hashParams]uint64)
	for _, e := range encoded {
		if s, err := parseHash(e); err == nil {
			seen[s.hashParams]++
		}
	}
	if len(seen) == 0 {
		seen[h.current] = 1
	}
	forms := new(formSample)
	for p := range seen {
		forms.params = append(forms.params, p)
	}
	slices.SortFunc(forms.params, func(p, q hashParams) int { return cmp.Compare(fmt.Sprint(p), fmt.Sprint(q)) })
	for _, p := range forms.params {
		forms.counts = append(forms.counts, seen[p])
		forms.total += seen[p]
	}
	h.forms.Store(forms)
}

// VerifySecret tells whether an imported client secret, hashed in one of the
// forms of hash_forms.go, is this one. Client ids are public, so there is no
// dummy; the caller replaces a secret that matched by its SHA-256, for which 256
// random bits need nothing slower. Errors as Verify's.
func (h *Hasher) VerifySecret(ctx context.Context, encoded, secret string) (bool, error) {
	s, err := parseHash(encoded)
	if errors.Is(err, errNoPassword) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var ok bool
	err = h.run(ctx, s.hashParams, func() (err error) {
		ok, err = h.matches(s, secret)
		return err
	})
	return ok && err == nil, err
}

// run does work once there are free workers for a hash of this cost.
func (h *Hasher) run(ctx context.Context, p hashParams, work func() error) error {
	n := h.weight(p)
	if err := h.acquire(ctx, n); err != nil {
		return err
	}
	defer h.slots.Release(n)
	return work()
}

// Pause lets no hash begin until resume is called; who asks meanwhile waits in
// the queue. Tests hold sign-ins in flight with it.
func (h *Hasher) Pause() (resume func()) {
	if err := h.slots.Acquire(context.Background(), h.workers); err != nil {
		panic(err) // it fails only for a context that ends
	}
	return func() { h.slots.Release(h.workers) }
}

// weight is how many workers a hash of this cost occupies: one for each thread
// that it runs and each unit of memory that it fills, at most all.
func (h *Hasher) weight(p hashParams) int64 {
	n := (p.memoryKiB() + h.unit - 1) / h.unit
	return min(max(int64(n), int64(p.threads()), 1), h.workers)
}

// acquire takes n workers, or a place in the queue until they are free. Workers
// are given in the order of asking, so that a heavy hash is not passed over.
func (h *Hasher) acquire(ctx context.Context, n int64) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	if h.slots.TryAcquire(n) {
		return nil
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.queue {
		return ErrBusy
	}
	if err := h.slots.Acquire(ctx, n); err != nil {
		return fmt.Errorf("wait to hash password: %w", err)
	}
	return nil
}
