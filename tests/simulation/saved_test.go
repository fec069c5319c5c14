package simulation_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSaved plays saved histories. Each one broke a promise in the past, or shows a case that must
// succeed.
func TestSaved(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			h, err := load(file)
			require.NoError(t, err)
			if j := run(t, h); len(j.breaches) > 0 {
				t.Errorf("%v\n%s\n%v", h, j.Trace(), j.breaches)
			}
		})
	}
}

// TestShrink reduces a history. Only its reply with status 600 must remain.
func TestShrink(t *testing.T) {
	h, err := load("testdata/v4-status-600.json")
	require.NoError(t, err)
	h.Ops = append(h.Ops, Op{N: 2, Worker: 1, Gap: span(100 * ms), Replies: []Reply{{How: "stream", Events: "pppp"}}})
	h.World = []Event{{span(50 * ms), "emit"}}
	h.Handlers, h.Way = true, "agent"
	small := shrink(h, func(h *History) bool {
		return slices.ContainsFunc(h.Ops, func(o Op) bool {
			return slices.ContainsFunc(o.Replies, func(r Reply) bool { return r.Status == 600 })
		})
	})
	require.Len(t, small.Ops, 1)
	require.Len(t, small.Ops[0].Replies, 1)
	require.Empty(t, small.World)
	require.Empty(t, small.Way)
	require.False(t, small.Handlers)
}
