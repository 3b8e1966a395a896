package store

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// ErrHashForm is wrapped by every error about a stored hash that is malformed,
// of an unknown form, or dearer than the caps below. Its text never has any part
// of the row, which might be a password that somebody stored in the clear.
var ErrHashForm = errors.New("stored password hash")

// errNoPassword is parseHash's answer for a row that says so itself.
var errNoPassword = errors.New("no password")

// The names by which a stored hash begins. All but argon2id's own (the PHC
// string format) are those of Django's hashers, whose names Django puts first.
const (
	formArgon2id     = "argon2id"      // $argon2id$v=19$m=…,t=…,p=…$salt$hash
	formDjangoArgon2 = "argon2"        // argon2$argon2id$v=19$…
	formPBKDF2SHA256 = "pbkdf2_sha256" // pbkdf2_sha256$iterations$salt$base64
	formPBKDF2SHA1   = "pbkdf2_sha1"
	formBcryptSHA256 = "bcrypt_sha256" // bcrypt_sha256$$2b$…, of the password's hex SHA-256
	formBcrypt       = "bcrypt"        // bcrypt$$2b$…, and $2a$…, $2b$…, $2y$… alone
	formScrypt       = "scrypt"        // scrypt$N$salt$r$p$base64
)

// What a row may cost at most: it may have been imported from anywhere, and must
// neither exhaust the memory nor hold a worker for more than some 4 seconds.
const (
	maxMemory        = 256 << 10 // KiB, argon2 m and scrypt 128·N·r
	maxArgon2Time    = 16        // passes
	maxLanes         = 16        // argon2 p, scrypt p
	maxIterations    = 5_000_000 // pbkdf2
	maxBcryptCost    = 15        // log2 of the rounds
	maxScryptWork    = 1 << 23   // N·r·p, 1 GiB written
	maxEncoded       = 512       // bytes of the whole row
	maxSalt          = 128       // bytes
	bcryptLength     = 60        // $2b$12$, 22 of salt, 31 of hash
	bcryptMaxKey     = 72        // bytes of a password that bcrypt reads
	bcryptAlphabet   = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	argon2VersionTag = "v=19" // RFC 9106 §3.1, version 0x13
)

// hashParams is what decides the time and memory of a hash, and nothing secret.
type hashParams struct {
	algorithm string // formArgon2id … formScrypt
	rounds    int    // pbkdf2 iterations, argon2 t, bcrypt's log2 cost, scrypt N
	memory    int    // KiB, argon2 m
	block     int    // scrypt r
	lanes     int    // argon2 p, scrypt p
}

// storedHash is a row of the password column, taken apart.
type storedHash struct {
	hashParams
	salt []byte // none for bcrypt
	key  []byte // what derive must give; for bcrypt the whole $2b$… string
}

// ValidHashForm tells an importer whether Verify could ever accept the stored
// hash: nil if so, and for "" and "!…", which stand for no password. The error
// wraps ErrHashForm.
func ValidHashForm(encoded string) error {
	if _, err := parseHash(encoded); !errors.Is(err, errNoPassword) {
		return err
	}
	return nil
}

// parseHash takes a stored hash apart and checks its cost. The error is
// errNoPassword or wraps ErrHashForm.
func parseHash(encoded string) (storedHash, error) {
	if encoded == "" || encoded[0] == '!' {
		return storedHash{}, errNoPassword
	}
	if len(encoded) > maxEncoded {
		return storedHash{}, formError("longer than %d bytes", maxEncoded)
	}
	if strings.ContainsFunc(encoded, func(r rune) bool { return r < ' ' || r > '~' }) {
		return storedHash{}, formError("not printable ASCII")
	}
	var s storedHash
	var err error
	switch name, rest, _ := strings.Cut(encoded, "$"); name {
	case "":
		if strings.HasPrefix(rest, formArgon2id+"$") {
			s, err = parseArgon2id(rest)
		} else {
			s, err = parseBcrypt(formBcrypt, encoded)
		}
	case formDjangoArgon2:
		s, err = parseArgon2id(rest)
	case formPBKDF2SHA256, formPBKDF2SHA1, formScrypt:
		s, err = parseDjango(name, rest)
	case formBcryptSHA256, formBcrypt:
		s, err = parseBcrypt(name, rest)
	default:
		err = formError("unknown form")
	}
	if err != nil {
		return storedHash{}, err
	}
	return s, s.check()
}

// parseArgon2id reads argon2id$v=19$m=…,t=…,p=…$salt$hash, base64 unpadded.
func parseArgon2id(text string) (storedHash, error) {
	f := strings.Split(text, "$")
	if len(f) != 5 || f[0] != formArgon2id || f[1] != argon2VersionTag {
		return storedHash{}, formError("not argon2id version 19")
	}
	s := storedHash{hashParams: hashParams{algorithm: formArgon2id}}
	params := strings.Split(f[2], ",")
	if len(params) != 3 {
		return storedHash{}, formError("argon2id parameters are not m, t and p")
	}
	for i, p := range []struct {
		name string
		to   *int
	}{{"m=", &s.memory}, {"t=", &s.rounds}, {"p=", &s.lanes}} {
		text, found := strings.CutPrefix(params[i], p.name)
		if *p.to = number(text); !found || *p.to == 0 {
			return storedHash{}, formError("argon2id %s is not a number", p.name)
		}
	}
	var err error
	if s.salt, err = base64.RawStdEncoding.Strict().DecodeString(f[3]); err != nil || len(s.salt) < 8 || len(s.salt) > 64 {
		return storedHash{}, formError("argon2id salt is not 8 to 64 bytes of base64")
	}
	if s.key, err = base64.RawStdEncoding.Strict().DecodeString(f[4]); err != nil || len(s.key) < 16 || len(s.key) > 64 {
		return storedHash{}, formError("argon2id hash is not 16 to 64 bytes of base64")
	}
	return s, nil
}

// parseDjango reads iterations$salt$base64 of pbkdf2 and N$salt$r$p$base64 of
// scrypt. Django uses the salt's text as bytes, and pads the base64.
func parseDjango(algorithm, text string) (storedHash, error) {
	f := strings.Split(text, "$")
	s := storedHash{hashParams: hashParams{algorithm: algorithm, rounds: number(f[0])}}
	switch {
	case algorithm == formScrypt && len(f) == 5:
		s.block, s.lanes = number(f[2]), number(f[3])
	case algorithm == formScrypt || len(f) != 3:
		return storedHash{}, formError("%s has too many fields or too few", algorithm)
	}
	if s.salt = []byte(f[1]); len(s.salt) < 1 || len(s.salt) > maxSalt {
		return storedHash{}, formError("%s salt is not 1 to %d bytes", algorithm, maxSalt)
	}
	var err error
	s.key, err = base64.StdEncoding.Strict().DecodeString(f[len(f)-1])
	if err != nil || len(s.key) != s.keySize() {
		return storedHash{}, formError("%s hash is not %d bytes of base64", algorithm, s.keySize())
	}
	return s, nil
}

// parseBcrypt reads $2b$12$ and 53 characters of bcrypt's own base64. 2a, 2b and
// 2y are one algorithm here; 2x is that of a library with a bug, and refused.
func parseBcrypt(algorithm, text string) (storedHash, error) {
	if len(text) != bcryptLength || text[:2] != "$2" || !strings.ContainsRune("aby", rune(text[2])) ||
		text[3] != '$' || text[6] != '$' || strings.Trim(text[7:], bcryptAlphabet) != "" {
		return storedHash{}, formError("not a bcrypt hash")
	}
	cost, err := strconv.ParseUint(text[4:6], 10, 8) // two digits, as in 04
	if err != nil {
		return storedHash{}, formError("not a bcrypt hash")
	}
	return storedHash{hashParams: hashParams{algorithm: algorithm, rounds: int(cost)}, key: []byte(text)}, nil
}

// number reads a decimal of at most nine digits without sign or leading zero; 0
// for all else.
func number(text string) int {
	if text == "" || len(text) > 9 || text[0] == '0' || strings.Trim(text, "0123456789") != "" {
		return 0
	}
	n, _ := strconv.Atoi(text)
	return n
}

// formError returns an error that wraps ErrHashForm. No argument may come from
// the row but a number or a name known here.
func formError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrHashForm}, args...)...)
}

// check returns an error if the parameters are impossible or dearer than the caps.
func (p hashParams) check() error {
	ok := false
	switch p.algorithm {
	case formArgon2id:
		ok = p.lanes <= maxLanes && p.rounds <= maxArgon2Time && p.memory >= 8*p.lanes && p.memory <= maxMemory
	case formPBKDF2SHA256, formPBKDF2SHA1:
		ok = p.rounds > 0 && p.rounds <= maxIterations
	case formBcryptSHA256, formBcrypt:
		ok = p.rounds >= bcrypt.MinCost && p.rounds <= maxBcryptCost
	case formScrypt:
		ok = p.rounds > 1 && bits.OnesCount(uint(p.rounds)) == 1 && p.block > 0 && p.lanes > 0 && p.lanes <= maxLanes &&
			p.block <= maxMemory*8/p.rounds && p.block <= maxScryptWork/p.rounds/p.lanes
	}
	if !ok {
		return formError("%s cost out of range: rounds %d, memory %d KiB, r %d, p %d",
			p.algorithm, p.rounds, p.memoryKiB(), p.block, p.lanes)
	}
	return nil
}

// memoryKiB is what one hash fills.
func (p hashParams) memoryKiB() int {
	if p.algorithm == formScrypt {
		return p.rounds * p.block / 8 // 128·N·r bytes, RFC 7914 §2
	}
	return p.memory
}

// threads is how many goroutines one hash runs at once.
func (p hashParams) threads() int {
	if p.algorithm == formArgon2id {
		return p.lanes
	}
	return 1
}

// keySize is the number of bytes that Django stores, and so what a dummy derives.
func (p hashParams) keySize() int {
	switch p.algorithm {
	case formPBKDF2SHA1:
		return sha1.Size
	case formScrypt:
		return 64
	}
	return 32
}

// dummy returns a hash of this cost, made of zeros, that stands for no password.
func (p hashParams) dummy() storedHash {
	s := storedHash{hashParams: p, salt: make([]byte, argon2SaltSize), key: make([]byte, p.keySize())}
	if p.algorithm == formBcrypt || p.algorithm == formBcryptSHA256 {
		s.key = fmt.Appendf(nil, "$2b$%02d$%s", p.rounds, strings.Repeat(".", 53))
	}
	return s
}

// matches hashes the password and compares in constant time.
func (s storedHash) matches(password string) (bool, error) {
	switch s.algorithm {
	case formBcryptSHA256:
		sum := sha256.Sum256([]byte(password))
		return s.matchesBcrypt(hex.AppendEncode(nil, sum[:]))
	case formBcrypt:
		return s.matchesBcrypt([]byte(password))
	}
	key, err := s.derive(password)
	return err == nil && subtle.ConstantTimeCompare(key, s.key) == 1, err
}

// matchesBcrypt compares as those who made the hash did: bcrypt reads 72 bytes
// of a password, and they went by the first 72 where newer libraries refuse.
func (s storedHash) matchesBcrypt(password []byte) (bool, error) {
	err := bcrypt.CompareHashAndPassword(s.key, password[:min(len(password), bcryptMaxKey)])
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil, err
}

// derive returns the key of the password under s's salt and parameters; not for
// bcrypt. Only len(s.key) of the key is used, not its bytes.
func (s storedHash) derive(password string) ([]byte, error) {
	switch s.algorithm {
	case formArgon2id:
		return argon2.IDKey([]byte(password), s.salt, uint32(s.rounds), uint32(s.memory), uint8(s.lanes), uint32(len(s.key))), nil
	case formScrypt:
		return scrypt.Key([]byte(password), s.salt, s.rounds, s.block, s.lanes, len(s.key))
	}
	if s.algorithm == formPBKDF2SHA1 {
		return pbkdf2.Key(sha1.New, password, s.salt, s.rounds, len(s.key))
	}
	return pbkdf2.Key(sha256.New, password, s.salt, s.rounds, len(s.key))
}
