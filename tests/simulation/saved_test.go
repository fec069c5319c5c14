package simulation_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stillBroken are the saved histories that break a promise, each with the class. Delete what was mended: a history that
// is named here and breaks nothing fails the test.
var stillBroken = map[string]string{
	"c1-cut-body-of-a-404":            "executed twice",
	"v1-header-refusal-in-json":       "executed twice",
	"v1-header-refusal-in-stream":     "executed twice",
	"v1-version-refusal-in-json":      "executed twice",
	"v1-version-refusal-legacy":       "executed twice",
	"v2-error-of-a-resume":            "Answered without an answer",
	"v2-version-error-of-a-resume":    "executed twice",
	"v3-null-id-after-progress":       "Answered without an answer",
	"v3-null-id-modern":               "Answered without an answer",
	"v4-status-101":                   "Answered without an answer",
	"v4-status-600":                   "Answered without an answer",
	"v5-own-404-then-session-lost":    "executed twice",
	"v6-error-is-a-text":              "Answered without an answer",
	"v7-session-lost-twice-in-a-call": "had to work",
	"v8-too-early":                    "had to work",
	"v8-too-early-to-resume":          "had to work",
	"v9-empty-events-for-ever":        "idle timeout overdue",
	"e1-first-standing-get-cut":       "event lost without a gap",
	"n1-not-sent-after-a-round":       "executed although NotRun",
	"s3-400-own-id":                   "had to work",
	"s3-400-text":                     "had to work",
	"s3-410":                          "had to work",
	"s3-422":                          "had to work",
	"s3-401":                          "had to work",
	"s3-200-stream":                   "not healed",
}

// TestSaved plays the histories that were worth keeping.
func TestSaved(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			h, err := load(file)
			require.NoError(t, err)
			j := run(t, h)
			broken := slices.ContainsFunc(j.breaches, func(b Breach) bool { return b.Class == stillBroken[name] })
			switch {
			case stillBroken[name] == "" && len(j.breaches) > 0:
				t.Errorf("%v\n%s\n%v", h, j.Trace(), j.breaches)
			case stillBroken[name] != "" && !broken:
				t.Errorf("it does not break %q any more: delete it from stillBroken\n%v\n%s", stillBroken[name], h, j.Trace())
			}
		})
	}
	for name := range stillBroken {
		require.True(t, seen[name], "no history %s", name)
	}
}

// TestShrink makes a known breach smaller and plays it again from its JSON.
func TestShrink(t *testing.T) {
	h, err := load("testdata/v4-status-600.json")
	require.NoError(t, err)
	h.Ops = append(h.Ops, Op{N: 2, Worker: 1, Gap: span(100 * ms), Replies: []Reply{{How: "stream", Events: "pppp"}}})
	h.World = []Event{{span(50 * ms), "emit"}}
	h.Handlers, h.Way = true, "agent"
	b := Breach{Class: "Answered without an answer", Op: 1}
	small := shrink(t, h, b)
	require.Len(t, small.Ops, 1)
	require.Len(t, small.Ops[0].Replies, 1)
	require.Empty(t, small.World)
	require.Empty(t, small.Way)
	require.True(t, breaks(t, small, b.Class, b.name(small)))
}
