package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// tick is the unit of CPU times in /proc, which Linux fixes for user space
// (proc_pid_stat(5), sysconf(_SC_CLK_TCK)).
const tick = time.Second / 100

// meter reads what a program and the database have used so far.
type meter struct {
	postmaster int       // PostgreSQL's first process; 0 on SQLite, whose work is done in the program itself
	stats      *pgx.Conn // to the database under test, with pg_stat_statements; nil on SQLite
}

// reading is what was used up to one moment.
type reading struct {
	cpu        time.Duration
	statements int64
}

// statementCount leaves out the statements' texts, which would be read from a
// file. It counts itself once it has ended, so the next reading sees it.
const statementCount = `SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements(false)
	WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`

// before and after read in opposite order, so that the reading itself is
// outside of what is measured.
func (m *meter) before(ctx context.Context, pid int) (r reading, err error) {
	if r.statements, err = m.statements(ctx); err != nil {
		return r, err
	}
	r.cpu, err = m.cpu(pid)
	return r, err
}

func (m *meter) after(ctx context.Context, pid int) (r reading, err error) {
	if r.cpu, err = m.cpu(pid); err != nil {
		return r, err
	}
	r.statements, err = m.statements(ctx)
	return r, err
}

func (m *meter) statements(ctx context.Context) (n int64, err error) {
	if m.stats == nil {
		return 0, nil
	}
	if err := m.stats.QueryRow(ctx, statementCount).Scan(&n); err != nil {
		return 0, fmt.Errorf("count statements: %w", err)
	}
	return n, nil
}

// cpu is the CPU time of a process and of all of PostgreSQL.
func (m *meter) cpu(pid int) (time.Duration, error) {
	s, err := readStat(pid)
	if err != nil || m.postmaster == 0 {
		return s.own, err
	}
	tree, err := treeCPU(m.postmaster)
	return s.own + tree, err
}

// stat is what /proc/PID/stat says (proc_pid_stat(5)).
type stat struct {
	parent int
	own    time.Duration // utime + stime
	reaped time.Duration // cutime + cstime, of children that have exited
}

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The second field is the name in parentheses and may hold anything.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 15 {
		return stat{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(f))
	}
	number := func(field int) int { // as proc_pid_stat(5) counts them
		n, _ := strconv.Atoi(f[field-3])
		return n
	}
	return stat{
		parent: number(4),
		own:    time.Duration(number(14)+number(15)) * tick,
		reaped: time.Duration(number(16)+number(17)) * tick,
	}, nil
}

// treeCPU is the CPU time of a process, its children, and those that it had.
// PostgreSQL's processes are all children of its first one.
func treeCPU(root int) (time.Duration, error) {
	s, err := readStat(root)
	if err != nil {
		return 0, err
	}
	total := s.own + s.reaped
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if child, err := readStat(pid); err == nil && child.parent == root { // others may have gone meanwhile
			total += child.own
		}
	}
	return total, nil
}

// pss is a process's share of memory in bytes: its own pages, and of shared
// ones a part.
func pss(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("smaps_rollup has no Pss")
}
