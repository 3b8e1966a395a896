package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"gatehouse/store"
)

// maxImportItems is how many rows a report names; the counts are of all.
const maxImportItems = 1000

// importReport is what became of an import's rows. It holds no secret, no hash
// and no token.
type importReport struct {
	Source       string         `json:"source"`
	AccountTable string         `json:"account_table"`
	DryRun       bool           `json:"dry_run"`
	Complete     bool           `json:"complete"`
	Seconds      float64        `json:"seconds"`
	Parts        []*importCount `json:"parts"`
	Items        []importItem   `json:"items"` // what was skipped or is different here
	ItemsLeftOut int            `json:"items_left_out"`

	began    time.Time
	progress *progress
}

// importCount counts the rows of one part.
type importCount struct {
	Part     string         `json:"part"`
	Total    int64          `json:"total"`
	Read     int64          `json:"read"`
	Imported int64          `json:"imported"`
	Known    int64          `json:"known"` // brought before
	Skipped  int64          `json:"skipped"`
	Reasons  map[string]int `json:"reasons"` // of what was skipped or is different
}

type importItem struct {
	Part    string `json:"part"`
	OldID   string `json:"old_id"`
	Who     string `json:"who"`
	Skipped bool   `json:"skipped"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail,omitempty"`
}

// begin opens the count of a part.
func (r *importReport) begin(part string, total int64) *importCount {
	c := &importCount{Part: part, Total: total, Reasons: map[string]int{}}
	r.Parts = append(r.Parts, c)
	r.progress.begin(c)
	return c
}

// note counts a row, and names it if it is not simply here now.
func (r *importReport) note(c *importCount, id, who string, f store.Fate) {
	c.Read++
	reason := f.Note
	switch {
	case f.Known:
		c.Known++
	case f.Skipped != "":
		c.Skipped++
		reason = f.Skipped
	default:
		c.Imported++
	}
	if reason != "" {
		c.Reasons[reason]++
		if len(r.Items) < maxImportItems {
			r.Items = append(r.Items, importItem{c.Part, id, printable(who), f.Skipped != "", reason, printable(f.Detail)})
		} else {
			r.ItemsLeftOut++
		}
	}
	r.progress.tick(c)
}

// printable is text of the old database on one line of a terminal.
func printable(text string) string {
	if quoted := fmt.Sprintf("%q", text); strings.ContainsRune(quoted, '\\') {
		return quoted[1 : len(quoted)-1]
	}
	return text
}

// audit is what is recorded of the import.
func (r *importReport) audit() map[string]any {
	detail := map[string]any{"complete": r.Complete, "account_table": r.AccountTable}
	for _, c := range r.Parts {
		detail[c.Part] = map[string]int64{"read": c.Read, "imported": c.Imported, "known": c.Known, "skipped": c.Skipped}
	}
	return detail
}

// write is the report as text.
func (r *importReport) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PART\tREAD\tIMPORTED\tHERE BEFORE\tSKIPPED")
	for _, c := range r.Parts {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\n", c.Part, c.Read, c.Imported, c.Known, c.Skipped)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, i := range r.Items {
		line := i.Reason
		if i.Detail != "" {
			line += ": " + i.Detail
		}
		verb := "note"
		if i.Skipped {
			verb = "skipped"
		}
		fmt.Fprintf(w, "%s %s %s (%s): %s\n", verb, i.Part, i.OldID, i.Who, line)
	}
	for _, c := range r.Parts {
		for _, reason := range r.cut(c) {
			fmt.Fprintf(w, "in all %d %s: %s\n", c.Reasons[reason], c.Part, reason)
		}
	}
	if r.DryRun {
		fmt.Fprintln(w, "A dry run: nothing was written.")
	}
	return nil
}

// cut are the reasons of a part whose rows are not all named.
func (r *importReport) cut(c *importCount) []string {
	var reasons []string
	for reason := range c.Reasons {
		if r.ItemsLeftOut > 0 {
			reasons = append(reasons, reason)
		}
	}
	slices.Sort(reasons)
	return reasons
}

// progress tells how far an import has come: on a terminal by a line that is
// drawn again, elsewhere by a line every ten seconds.
type progress struct {
	to       io.Writer
	terminal bool
	every    time.Duration
	began    time.Time // of the part
	last     time.Time
}

func newProgress(to io.Writer) *progress {
	p := &progress{to: to, every: 10 * time.Second}
	if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal, p.every = true, 200*time.Millisecond
	}
	return p
}

func (p *progress) begin(*importCount) {
	p.began = time.Now()
	p.last = p.began
}

func (p *progress) tick(c *importCount) {
	if c.Read%100 != 0 || time.Since(p.last) < p.every {
		return
	}
	p.last = time.Now()
	line := fmt.Sprintf("%s %d of %d, %d %%, %.0f a second", c.Part, c.Read, c.Total, 100*c.Read/max(c.Total, 1), float64(c.Read)/p.last.Sub(p.began).Seconds())
	if !p.terminal {
		fmt.Fprintln(p.to, line)
		return
	}
	const width = 20
	done := int(width * c.Read / max(c.Total, 1))
	fmt.Fprintf(p.to, "\r\x1b[K[%s%s] %s", strings.Repeat("#", min(done, width)), strings.Repeat(".", max(width-done, 0)), line)
}

// end leaves the terminal's line free.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
