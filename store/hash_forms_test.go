package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// These were made by Django 5.2's hashers with lowered costs (encode with a
// given salt, in Python 3.11 with argon2-cffi 25.1 and bcrypt 4.3), by
// argon2-cffi's PasswordHasher alone, and the 2y ones by libxcrypt (crypt(3)).
const (
	vectorPBKDF2      = "pbkdf2_sha256$10$seasalt$XDHys9VSpcUQ/JYORcuek+9NZi0Klg1vhHc1q/ro4qw="
	vectorBcrypt      = "bcrypt$$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
	vectorArgon2id    = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk"
	vectorArgon2idOdd = "$argon2id$v=19$m=128,t=3,p=4$MDEyMzQ1Njc$z8g1cvxV/l9hCvzzpWc2tN2h7WxQAEXO"
	vectorScrypt      = "scrypt$16$seasalt$8$1$Qxil8nWcIy12YNMYpeV1hXKvwFi5h+x4wHI8WQTJ3/j1NecrriM2mkKB8IaqWjz6RUXfHzR5O5kG1jYWwbPuBA=="
	vectorTooDear     = "pbkdf2_sha256$999999999$seasalt$XDHys9VSpcUQ/JYORcuek+9NZi0Klg1vhHc1q/ro4qw="
)

func TestForeignFormsVerify(t *testing.T) {
	const horse, accents = "correct horse", "пароль ünïcode"
	long := strings.Repeat("a", 71) + "bcd" // 74 bytes
	for _, tt := range []struct{ name, password, encoded string }{
		{"pbkdf2_sha256", horse, vectorPBKDF2},
		{"pbkdf2_sha256, not ASCII", accents, "pbkdf2_sha256$10$seasalt$FaUpg2rUhx9zL0qYJ+iHHH53KFCyhhZo+u/93weo4xs="},
		{"pbkdf2_sha1", horse, "pbkdf2_sha1$10$seasalt$jAFEmttL0Xo+ZWd1LOsptYqbRzw="},
		{"argon2", horse, "argon2$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHQ$+ZJfX2jq5oc/bq50fbRCCR0p/JIoQvxh+kgySP7nmwQ"},
		{"argon2, not ASCII", accents, "argon2$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHQ$eF2HTXLluBJ66+JYxH7JissOgD66xdx5it+8THvvLTY"},
		{"scrypt", horse, vectorScrypt},
		{"scrypt, p=5", horse, "scrypt$16$seasalt$2$5$bnAiNoIUH9bEXFey54IsetG2mKdnMhgo1iEToexRQ9f99b2NG++B2ksi1SArQhyOrPPkV6/xq2llPnneNQpAEQ=="},
		{"bcrypt", horse, vectorBcrypt},
		{"bcrypt, not ASCII", accents, "bcrypt$$2b$04$abcdefghijklmnopqrstuuV8V8hMYqwCXvHqNjvq3u8ormvJ22072"},
		{"bcrypt, over 72 bytes", long, "bcrypt$$2b$04$abcdefghijklmnopqrstuuOamT/wNYAA2T3dwK/uVZX5KdYiWAze2"},
		{"bcrypt_sha256", horse, "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuIvyWZlBcE3WoQXKqRnwrLYJ6nenE0Bq"},
		{"bcrypt_sha256, not ASCII", accents, "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuZ62FvVV6di6swK9oxKAFVytcxxkLTKW"},
		{"bcrypt_sha256, over 72 bytes", long, "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuubl.VwrJvOmwBrlCfLp3Fg4DvU/KLH7K"},
		{"2a", horse, "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
		{"2b", horse, "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
		{"2y", horse, "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
		{"2y, over 72 bytes", long, "$2y$04$abcdefghijklmnopqrstuuOamT/wNYAA2T3dwK/uVZX5KdYiWAze2"},
		{"PHC", horse, "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MjZP1+1U9JUbDWvDvtLyEsZiNXOKEUxfi6O2oe46uxA"},
		{"PHC, 4 lanes, 24 bytes", horse, vectorArgon2idOdd},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := NewHasher(HasherConfig{})
			if ok, rehash, err := h.Verify(t.Context(), tt.encoded, tt.password); !ok || !rehash || err != nil {
				t.Errorf("right password: ok %v, rehash %v, %v", ok, rehash, err)
			}
			for _, wrong := range []string{"", tt.password[:len(tt.password)-4], "A" + tt.password[1:]} {
				if ok, _, err := h.Verify(t.Context(), tt.encoded, wrong); ok || err != nil {
					t.Errorf("%q: ok %v, %v", wrong, ok, err)
				}
			}
			if err := ValidHashForm(tt.encoded); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOurFormAsOthersMakeIt(t *testing.T) {
	ok, rehash, err := NewHasher(HasherConfig{}).Verify(t.Context(), vectorArgon2id, "correct horse")
	if !ok || rehash || err != nil {
		t.Errorf("ok %v, rehash %v, %v", ok, rehash, err)
	}
	s, err := parseHash(vectorArgon2id)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.phc(); got != vectorArgon2id {
		t.Errorf("written again as %s", got)
	}
}

// bcrypt reads 72 bytes, as the tables that we import were made to rely on.
func TestPlainBcryptGoesByTheFirst72Bytes(t *testing.T) {
	const encoded = "$2y$04$abcdefghijklmnopqrstuuOamT/wNYAA2T3dwK/uVZX5KdYiWAze2"
	first71 := strings.Repeat("a", 71)
	for password, want := range map[string]bool{first71 + "b": true, first71 + "bXYZ": true, first71: false, first71 + "c": false} {
		ok, _, err := cheapHasher().Verify(t.Context(), encoded, password)
		if ok != want || err != nil {
			t.Errorf("%d bytes ending in %q: %v, %v; want %v", len(password), password[70:], ok, err, want)
		}
	}
}

func TestHostileRowsAreRefusedCheaply(t *testing.T) {
	const (
		key32 = "XDHys9VSpcUQ/JYORcuek+9NZi0Klg1vhHc1q/ro4qw="
		raw32 = "XDHys9VSpcUQ/JYORcuek+9NZi0Klg1vhHc1q/ro4qw"
		key64 = "Qxil8nWcIy12YNMYpeV1hXKvwFi5h+x4wHI8WQTJ3/j1NecrriM2mkKB8IaqWjz6RUXfHzR5O5kG1jYWwbPuBA=="
		salt  = "$MDEyMzQ1Njc4OWFiY2RlZg$"
		tail  = "abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
	)
	for name, encoded := range map[string]string{
		"plain text":                 "correct horse",
		"plain text with dollars":    "$correct$horse",
		"unknown algorithm":          "unsalted_md5$$5f4dcc3b5aa765d61d8327deb882cf99",
		"name alone":                 "pbkdf2_sha256",
		"line break":                 vectorPBKDF2 + "\n",
		"not ASCII":                  "pbkdf2_sha256$10$sülz$" + key32,
		"over 512 bytes":             vectorPBKDF2 + strings.Repeat("=", 512),
		"pbkdf2 over the cap":        "pbkdf2_sha256$5000001$seasalt$" + key32,
		"pbkdf2 without rounds":      "pbkdf2_sha256$0$seasalt$" + key32,
		"pbkdf2 negative":            "pbkdf2_sha256$-1$seasalt$" + key32,
		"pbkdf2 signed":              "pbkdf2_sha256$+10$seasalt$" + key32,
		"pbkdf2 leading zero":        "pbkdf2_sha256$010$seasalt$" + key32,
		"pbkdf2 past 64 bits":        "pbkdf2_sha256$18446744073709551626$seasalt$" + key32,
		"pbkdf2 no salt":             "pbkdf2_sha256$10$$" + key32,
		"pbkdf2 long salt":           "pbkdf2_sha256$10$" + strings.Repeat("s", 129) + "$" + key32,
		"pbkdf2 short key":           "pbkdf2_sha256$10$seasalt$XDHys9VSpcU=",
		"pbkdf2 no key":              "pbkdf2_sha256$10$seasalt$",
		"pbkdf2 unpadded":            "pbkdf2_sha256$10$seasalt$" + raw32,
		"pbkdf2 loose last bits":     "pbkdf2_sha256$10$seasalt$" + raw32[:42] + "x=",
		"pbkdf2 more fields":         vectorPBKDF2 + "$" + key32,
		"pbkdf2_sha1, key of sha256": "pbkdf2_sha1$10$seasalt$" + key32,
		"argon2 memory":              "$argon2id$v=19$m=262145,t=1,p=1" + salt + raw32,
		"argon2 memory past 32 bits": "$argon2id$v=19$m=4294967360,t=1,p=1" + salt + raw32,
		"argon2 too little memory":   "$argon2id$v=19$m=15,t=1,p=2" + salt + raw32,
		"argon2 time":                "$argon2id$v=19$m=64,t=17,p=1" + salt + raw32,
		"argon2 lanes":               "$argon2id$v=19$m=256,t=1,p=17" + salt + raw32,
		"argon2 lanes past 8 bits":   "$argon2id$v=19$m=4096,t=1,p=257" + salt + raw32,
		"argon2 no time":             "$argon2id$v=19$m=64,t=0,p=1" + salt + raw32,
		"argon2 order":               "$argon2id$v=19$t=1,m=64,p=1" + salt + raw32,
		"argon2 more parameters":     "$argon2id$v=19$m=64,t=1,p=1,data=AA" + salt + raw32,
		"argon2 version":             "$argon2id$v=16$m=64,t=1,p=1" + salt + raw32,
		"argon2i":                    "$argon2i$v=19$m=64,t=1,p=1" + salt + raw32,
		"argon2i of Django":          "argon2$argon2i$v=19$m=64,t=1,p=1" + salt + raw32,
		"argon2 short salt":          "$argon2id$v=19$m=64,t=1,p=1$MDEyMw$" + raw32,
		"argon2 short key":           "$argon2id$v=19$m=64,t=1,p=1" + salt + "MDEyMw",
		"argon2 padded":              "$argon2id$v=19$m=64,t=1,p=1" + salt + key32,
		"scrypt memory":              "scrypt$4194304$seasalt$8$1$" + key64,
		"scrypt work":                "scrypt$262144$seasalt$8$5$" + key64,
		"scrypt lanes":               "scrypt$16$seasalt$8$17$" + key64,
		"scrypt N no power of two":   "scrypt$17$seasalt$8$1$" + key64,
		"scrypt N of 1":              "scrypt$1$seasalt$8$1$" + key64,
		"scrypt huge N and r":        "scrypt$536870912$seasalt$999999999$1$" + key64,
		"scrypt no r":                "scrypt$16$seasalt$0$1$" + key64,
		"scrypt no p":                "scrypt$16$seasalt$8$0$" + key64,
		"scrypt short key":           "scrypt$16$seasalt$8$1$" + key32,
		"bcrypt cost":                "$2b$16$" + tail,
		"bcrypt cost below 4":        "$2b$03$" + tail,
		"bcrypt cost no number":      "$2b$ 4$" + tail,
		"bcrypt cost signed":         "$2b$+4$" + tail,
		"bcrypt 2x":                  "$2x$04$" + tail,
		"bcrypt 2":                   "$2$04$" + tail + "a",
		"bcrypt short":               "$2b$04$" + tail[1:],
		"bcrypt long":                "$2b$04$" + tail + "a",
		"bcrypt alphabet":            "$2b$04$" + tail[:20] + "+" + tail[21:],
		"bcrypt of Django, one $":    "bcrypt$2b$04$" + tail,
	} {
		t.Run(name, func(t *testing.T) {
			ok, rehash, err := cheapHasher().Verify(t.Context(), encoded, "correct horse")
			if ok || rehash || !errors.Is(err, ErrHashForm) {
				t.Errorf("ok %v, rehash %v, %v; want ErrHashForm", ok, rehash, err)
			}
			if err := ValidHashForm(encoded); !errors.Is(err, ErrHashForm) {
				t.Errorf("importer is told %v", err)
			} else if strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), "salt$") {
				t.Errorf("error repeats the row: %v", err)
			}
		})
	}
}

func TestValidHashFormTakesRowsWithoutPassword(t *testing.T) {
	for _, encoded := range []string{"", "!", "!Jq2ZkTm5yV0aPp4Wl6qk", vectorArgon2id,
		// at the caps
		"pbkdf2_sha256$5000000$seasalt$XDHys9VSpcUQ/JYORcuek+9NZi0Klg1vhHc1q/ro4qw=",
		"$argon2id$v=19$m=262144,t=16,p=16$MDEyMzQ1Njc$z8g1cvxV/l9hCvzzpWc2tN2h7WxQAEXO",
		"$2y$15$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
		"scrypt$262144$seasalt$8$4$" + vectorScrypt[len("scrypt$16$seasalt$8$1$"):],
	} {
		if err := ValidHashForm(encoded); err != nil {
			t.Errorf("%q: %v", encoded, err)
		}
	}
}

func TestDummiesCostWhatTheirFormDoes(t *testing.T) {
	for _, encoded := range []string{vectorPBKDF2, vectorBcrypt, vectorArgon2idOdd, vectorScrypt,
		"pbkdf2_sha1$10$seasalt$jAFEmttL0Xo+ZWd1LOsptYqbRzw=",
		"bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuIvyWZlBcE3WoQXKqRnwrLYJ6nenE0Bq"} {
		s, err := parseHash(encoded)
		if err != nil {
			t.Fatal(err)
		}
		dummy := s.dummy()
		if ok, err := dummy.matches("correct horse"); ok || err != nil {
			t.Errorf("%s: dummy matches %v, %v", s.algorithm, ok, err)
		}
		if len(dummy.key) != len(s.key) && s.algorithm != formArgon2id {
			t.Errorf("%s: dummy derives %d bytes, the form %d", s.algorithm, len(dummy.key), len(s.key))
		}
	}
}

func TestRehashedAccountsMoveFewDummies(t *testing.T) {
	h := NewHasher(HasherConfig{DummyKey: []byte("key")})
	choices := func(imported, rehashed int) (got []hashParams) {
		h.SetForms(append(strings.Fields(strings.Repeat(vectorPBKDF2+" ", imported)),
			strings.Fields(strings.Repeat(vectorArgon2idOdd+" ", rehashed))...))
		for i := range 1000 {
			got = append(got, h.dummyParams(fmt.Sprint(i)))
		}
		return got
	}
	before, after := choices(100, 0), choices(95, 5)
	moved := 0
	for i := range before {
		if before[i] != after[i] {
			moved++
		}
	}
	if moved == 0 || moved > 100 {
		t.Errorf("%d of 1000 dummies moved when 5 %% of the table was rehashed", moved)
	}
}

func TestVerifySecret(t *testing.T) {
	for _, tt := range []struct {
		name, encoded, secret string
		ok                    bool
		err                   error
	}{
		{"right", vectorPBKDF2, "correct horse", true, nil},
		{"wrong", vectorPBKDF2, "guess", false, nil},
		{"none", "", "", false, nil},
		{"plain text is no form", "correct horse", "correct horse", false, ErrHashForm},
		{"over the cap", vectorTooDear, "correct horse", false, ErrHashForm},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ok, err := cheapHasher().VerifySecret(t.Context(), tt.encoded, tt.secret)
			if ok != tt.ok || !errors.Is(err, tt.err) {
				t.Errorf("got %v, %v; want %v, %v", ok, err, tt.ok, tt.err)
			}
		})
	}
}

func FuzzHashForm(f *testing.F) {
	for _, seed := range []string{"", "!", vectorPBKDF2, vectorBcrypt, vectorArgon2id, vectorArgon2idOdd, vectorScrypt, vectorTooDear,
		"argon2" + vectorArgon2idOdd, "$2y$04$abcdefghijklmnopqrstuuOamT/wNYAA2T3dwK/uVZX5KdYiWAze2", "scrypt$$$$$", "bcrypt$$2b$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		s, err := parseHash(encoded)
		if errors.Is(err, errNoPassword) {
			return
		}
		if err != nil {
			if !errors.Is(err, ErrHashForm) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if kib := s.memoryKiB(); kib < 0 || kib > maxMemory || s.threads() > maxLanes || s.rounds < 1 {
			t.Fatalf("over the caps: %+v", s.hashParams)
		}
		cheap := map[string]int{formPBKDF2SHA256: 1000, formPBKDF2SHA1: 1000, formBcrypt: 4, formBcryptSHA256: 4, formScrypt: 64, formArgon2id: 2}
		if s.rounds > cheap[s.algorithm] || s.memoryKiB() > 1024 {
			return
		}
		if _, err := s.matches("correct horse"); err != nil {
			t.Fatalf("parsed, and yet: %v", err)
		}
		if _, err := s.dummy().matches("correct horse"); err != nil {
			t.Fatalf("dummy: %v", err)
		}
	})
}
