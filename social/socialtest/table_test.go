package socialtest

import (
	"strconv"
	"testing"
)

func TestTableForgetsTheOldest(t *testing.T) {
	tokens := newTable[int]()
	const extra = 5
	for i := range maxRows + extra {
		tokens.put(strconv.Itoa(i), i)
		if i%2 == 1 && i < 100 {
			tokens.take(strconv.Itoa(i))
		}
	}
	if len(tokens.rows) > maxRows || len(tokens.ring) > maxRows {
		t.Errorf("%d rows, %d in the ring, want at most %d", len(tokens.rows), len(tokens.ring), maxRows)
	}
	if _, ok := tokens.get("4"); ok {
		t.Error("row 4 is still there")
	}
	if _, ok := tokens.get("6"); !ok {
		t.Error("row 6 is gone")
	}
	if v, ok := tokens.take("6"); !ok || v != 6 {
		t.Errorf("took %d, %v", v, ok)
	}
	if _, ok := tokens.take("6"); ok {
		t.Error("row 6 was taken twice")
	}
}
