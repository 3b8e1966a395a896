package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// report prints as it goes, and remembers what the end must tell.
type report struct {
	out          io.Writer
	began        time.Time
	met, judged  int
	failed       int // requests that were not answered as they should be
	serverErrors int // of these, 5xx
	sample       string
}

// spread is a median with its extremes.
type spread struct{ median, least, most float64 }

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.least, s.most) }

func middle(list []float64) spread {
	sorted := slices.Sorted(slices.Values(list))
	return spread{sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1]}
}

// ratios are of one side to another, round by round.
func ratios(of, to *side, value func(sample) float64) []float64 {
	var list []float64
	for i := range of.samples {
		list = append(list, value(of.samples[i])/value(to.samples[i]))
	}
	return list
}

// cost is the median of CPU-µs per request.
func (s *side) cost() float64 {
	var costs []float64
	for _, taken := range s.samples {
		costs = append(costs, taken.perRequest())
	}
	return middle(costs).median
}

// statements are those per request; 0 where they are not counted.
func (s *side) statements() float64 {
	var statements, requests float64
	for _, taken := range s.samples {
		statements += float64(taken.statements)
		requests += float64(taken.requests)
	}
	return statements / requests
}

func outcomes(sides ...*side) []outcome {
	var list []outcome
	for _, s := range sides {
		for _, taken := range s.samples {
			list = append(list, taken.outcome)
		}
	}
	return list
}

// header says what the numbers were measured on.
func (r *report) header(ctx context.Context, o options) {
	fmt.Fprintf(r.out, "%s, %d cores; %s; %d rounds of %v on each program in turn\n",
		processor(), runtime.NumCPU(), runtime.Version(), o.rounds, o.window)
	if conn, err := pgx.Connect(ctx, os.Getenv(envPostgres)); err == nil {
		defer conn.Close(ctx)
		var version, fsync, commit string
		if conn.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')`).
			Scan(&version, &fsync, &commit) == nil {
			fmt.Fprintf(r.out, "PostgreSQL %s, fsync %s, synchronous_commit %s; SQLite synchronous FULL\n", version, fsync, commit)
		}
	}
	fmt.Fprintln(r.out, "CPU µs are per request, of the program and all of PostgreSQL. Ratios are the server's to the floor's on the line,")
	fmt.Fprintln(r.out, "medians of the rounds (least–most); the number to reach is one of CPU time, and a request is a whole one, its client checked.")
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(text), "model name")
	line, _, _ := strings.Cut(rest, "\n")
	return cmp.Or(strings.TrimLeft(line, "\t :"), runtime.GOARCH)
}

func (r *report) database(kind string, tokens int, took time.Duration) {
	fmt.Fprintf(r.out, "\n%s: %d access tokens, as many grants and refresh tokens, made in %.1f s\n", kind, tokens, took.Seconds())
}

const line = "%-42s %8s %8s %8s %8s %6s   %-18s %-18s %s\n"

func (r *report) columns(kind string, conns int) {
	connections := "connections"
	if conns == 1 {
		connections = "connection"
	}
	fmt.Fprintf(r.out, "\n"+line, fmt.Sprintf("%s, %d %s", kind, conns, connections),
		"req/s", "p50 ms", "p99 ms", "CPU µs", "stmts", "CPU ratio", "rate ratio", "reach")
}

// row prints the server's line and one for each floor. The server is last
// among sides.
func (r *report) row(row *row, sides []*side) {
	server := sides[len(sides)-1]
	reach := ""
	if n := server.statements(); n > 0 && row.stmts > 0 {
		reach = fmt.Sprintf("≤ %.0f stmts  %s", row.stmts, r.judge(n <= row.stmts))
	}
	r.side(row.name, server, "", "", reach)
	for _, s := range sides[:len(sides)-1] {
		cpu := middle(ratios(server, s, sample.perRequest))
		reach := ""
		if s.judged && row.reach > 0 {
			reach = fmt.Sprintf("≤ %.2f  %s", row.reach, r.judge(cpu.median <= row.reach))
		}
		r.side("  to "+s.title, s, cpu.String(), middle(ratios(server, s, sample.rate)).String(), reach)
		if row.over > 0 {
			more := server.cost() - s.cost()
			r.note("  CPU µs more than "+s.title, fmt.Sprintf("%.0f", more), fmt.Sprintf("≤ %.0f", row.over), more <= row.over)
		}
	}
	r.count(outcomes(sides...)...)
}

func (r *report) side(title string, s *side, cpu, rate, reach string) {
	all := outcomes(s)
	var latencies []time.Duration
	var requests, failed int
	for _, o := range all {
		latencies = append(latencies, o.latencies...)
		requests += o.requests
		failed += o.failed
	}
	slices.Sort(latencies)
	at := func(q float64) string {
		return fmt.Sprintf("%.2f", latencies[int(q*float64(len(latencies)-1))].Seconds()*1e3)
	}
	perRequest := "–"
	if n := s.statements(); n > 0 {
		perRequest = fmt.Sprintf("%.2f", n)
	}
	var rates []float64
	for _, taken := range s.samples {
		rates = append(rates, taken.rate())
	}
	if failed > 0 {
		reach += fmt.Sprintf("  %d of %d failed", failed, requests)
	}
	fmt.Fprintf(r.out, line, title, fmt.Sprintf("%.0f", middle(rates).median), at(0.5), at(0.99),
		fmt.Sprintf("%.0f", s.cost()), perRequest, cpu, rate, reach)
}

func (r *report) judge(met bool) string {
	r.judged++
	if !met {
		return "NOT MET"
	}
	r.met++
	return "met"
}

// note prints a number that is no row of the table; without reach it is for
// information.
func (r *report) note(what, value, reach string, met bool) {
	if reach != "" {
		reach += "  " + r.judge(met)
	}
	fmt.Fprintf(r.out, "%-72s %-40s %s\n", what, value, reach)
}

// count keeps account of what was not answered as it should be.
func (r *report) count(list ...outcome) {
	for _, o := range list {
		r.failed += o.failed
		r.serverErrors += o.serverErrors
		r.sample = cmp.Or(r.sample, o.sample)
	}
}

// finish returns an error if any request failed.
func (r *report) finish() error {
	fmt.Fprintf(r.out, "\n%d of %d numbers reached, %d requests failed, in %.0f s\n", r.met, r.judged, r.failed, time.Since(r.began).Seconds())
	if r.failed > 0 {
		return errors.New("requests failed; the first was answered " + r.sample)
	}
	return nil
}
