package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"gorm.io/gorm"
)

// Imported is a row of another system that has come here. It stays when what
// it became is gone, so that no later import brings that back.
type Imported struct {
	Source string // which system
	Kind   string // one of the kinds below
	OldID  string
	NewID  string // the account's, the identity's or the client's; empty for a token
	DoneAt time.Time
}

// TableName is the table's name.
func (Imported) TableName() string { return "imports" }

// What can be imported.
const (
	importedAccount  = "account"
	importedIdentity = "identity"
	importedClient   = "client"
	importedRefresh  = "refresh_token"
)

// Fate is what became of one row of the old system: imported if it is neither
// of the two.
type Fate struct {
	Known   bool   // an import has brought it before; it was left as it is here now
	Skipped string // why it was not brought
	Note    string // what of it is different here
	Detail  string // more about Skipped or Note; never a secret
}

// note adds one more thing that is different here.
func (f *Fate) note(what string) {
	if f.Note != "" {
		what = f.Note + "; " + what
	}
	f.Note = what
}

func skipped(why, detail string) Fate { return Fate{Skipped: why, Detail: detail} }

// Import brings rows of one old system, batch by batch, in the order accounts,
// identities, clients, tokens. Each batch is one transaction. It is for one
// goroutine.
type Import struct {
	*Store
	Source         string // names the old system; the same at each import of it
	DryRun         bool   // write nothing
	AssumeVerified bool   // e-mail addresses are known to be their owners'
	KeepStaff      bool   // is_staff and is_superuser come along

	pretended   map[uint64]struct{} // what a dry run would have written
	sawAccounts bool                // a dry run has been through the accounts
	seed        maphash.Seed
	kind        string // of the last batch
	batches     int    // of that kind
}

// NewImport begins an import of the system that source names.
func (s *Store) NewImport(source string, dryRun bool) *Import {
	return &Import{Store: s, Source: source, DryRun: dryRun, pretended: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
}

// pretend notes what a dry run would have written, in 64 bits a name.
func (i *Import) pretend(name ...string) { i.pretended[i.hash(name)] = struct{}{} }

func (i *Import) pretends(name ...string) bool {
	_, ok := i.pretended[i.hash(name)]
	return ok
}

func (i *Import) hash(name []string) uint64 {
	return maphash.String(i.seed, strings.Join(name, "\x00"))
}

// Imported ids have a time of 2010 and later, before everything made here, in
// the order of the old ids: lists are by id.
const importedFrom = 1262304000000 // ms

// newID is the id that an old row has here: the same one whenever it is asked
// for. UUID version 7 (RFC 9562 §5.7).
func (i *Import) newID(kind, oldID string) string {
	sum := sha256.Sum256([]byte(i.Source + "\x00" + kind + "\x00" + oldID))
	n, _ := strconv.ParseUint(oldID, 10, 64)
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], importedFrom+min(n, 1<<38))
	id := uuid.UUID(sum[:16])
	copy(id[:6], at[2:])
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id.String()
}

// known are the ids among old that an import has brought before, with what
// they became. It is asked after what stands in a row's way: whatever another
// import of this source has put there by then is known too.
func (i *Import) known(ctx context.Context, kind string, old []string) (map[string]string, error) {
	var rows []Imported
	err := i.reads.WithContext(ctx).Where("source = ? AND kind = ? AND old_id IN ?", i.Source, kind, findable(old)).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("look for earlier imports: %w", err)
	}
	found := make(map[string]string, len(rows))
	for _, r := range rows {
		found[r.OldID] = r.NewID
	}
	return found, nil
}

// storable tells whether PostgreSQL takes a text: SQLite keeps any bytes.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// findable are the texts that a database may be asked for.
func findable(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(text string) bool { return !storable(text) })
}

func (i *Import) row(kind, oldID, newID string) Imported {
	return Imported{Source: i.Source, Kind: kind, OldID: oldID, NewID: newID, DoneAt: i.now()}
}

// batch decides on a batch and writes it. When somebody else has written what
// stands in its way meanwhile, it decides again.
func (i *Import) batch(ctx context.Context, kind string, decide func() ([]Fate, func(*gorm.DB) error, error)) ([]Fate, error) {
	for try := 1; ; try++ {
		fates, write, err := decide()
		if err != nil || i.DryRun {
			return fates, err
		}
		err = translate(i.db.WithContext(ctx).Transaction(write))
		again := errors.Is(err, ErrExists) || errors.Is(err, gorm.ErrForeignKeyViolated)
		if err == nil {
			return fates, i.analyze(ctx, kind)
		}
		if !again || try == 5 {
			return nil, fmt.Errorf("write a batch: %w", err)
		}
	}
}

// analyze tells PostgreSQL's planner from time to time how the tables have
// grown: by what it knew of them when they were empty it would read all of them
// for each batch.
func (i *Import) analyze(ctx context.Context, kind string) error {
	if kind != i.kind {
		i.kind, i.batches = kind, 0
	}
	if i.batches++; i.pool == nil || i.batches < 4 || i.batches&(i.batches-1) != 0 {
		return nil
	}
	if _, err := i.exec(ctx, `ANALYZE imports, accounts, identities, imported_tokens`); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	return nil
}

// create inserts rows, or nothing for none.
func create[T any](tx *gorm.DB, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	return tx.CreateInBatches(&rows, 100).Error
}

// Finish records the import.
func (i *Import) Finish(ctx context.Context, actor string, detail map[string]any) error {
	if i.DryRun {
		return nil
	}
	return i.Audit(ctx, actor, "import.django", i.Source, Succeeded, detail)
}
