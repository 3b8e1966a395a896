package socialtest

import "sync"

// maxRows bounds each table: a run that mints without end forgets the oldest.
const maxRows = 10_000

// table remembers the latest maxRows values under keys that are never put twice.
type table[V any] struct {
	mu   sync.Mutex
	rows map[string]V
	ring []string // keys in the order of arrival; next is the oldest once it is full
	next int
}

func newTable[V any]() *table[V] { return &table[V]{rows: map[string]V{}} }

func (t *table[V]) put(key string, v V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ring) < maxRows {
		t.ring = append(t.ring, key)
	} else {
		delete(t.rows, t.ring[t.next])
		t.ring[t.next] = key
		t.next = (t.next + 1) % maxRows
	}
	t.rows[key] = v
}

func (t *table[V]) get(key string) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.rows[key]
	return v, ok
}

// take is get for what can be had once.
func (t *table[V]) take(key string) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.rows[key]
	delete(t.rows, key)
	return v, ok
}
