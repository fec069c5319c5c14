//go:build !race

package jsonvalue

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The race detector itself allocates, so this test is not built with it.

// Keys of a small object are sorted on the stack.
func TestAppendAllocatesNothing(t *testing.T) {
	args := map[string]any{"query": "gophers", "limit": 10, "deep": true, "tags": []any{"a", "b"}, "within": map[string]any{"days": 1.5}}
	b := make([]byte, 0, 1024)
	require.Zero(t, testing.AllocsPerRun(100, func() { b, _ = Append(b[:0], args) }))
}
