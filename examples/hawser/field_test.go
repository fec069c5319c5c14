package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hawser-mcp/hawser/tests/field"
)

// TestFieldCorpus checks the result of the program for each quirk of the corpus. Differences of
// pending quirks are only logged.
func TestFieldCorpus(t *testing.T) {
	for _, q := range field.Corpus() {
		if q.CLI == nil {
			continue
		}
		t.Run(q.ID, func(t *testing.T) {
			var found []string
			for _, era := range q.Each() {
				synctest.Test(t, func(t *testing.T) {
					for _, text := range playCLI(t, &q, era) {
						found = append(found, fmt.Sprintf("%v: %s", era, text))
					}
				})
			}
			why, pending := field.PendingCLI[q.ID]
			if pending && len(found) == 0 {
				t.Errorf("%s works now: remove it from the pending quirks of the command line (%s)", q.ID, why)
			}
			for _, text := range found {
				if pending {
					t.Log("pending: " + text)
				} else {
					t.Error(text)
				}
			}
		})
	}
}

// playCLI runs the program against the first variant of the quirk q. It returns the differences
// from the expected result.
func playCLI(t *testing.T, q *field.Quirk, era field.Era) []string {
	t.Helper()
	p, err := field.Start(q, 0, era, field.Direct)
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(strings.ReplaceAll(q.CLI.Args, "$URL", p.URL))
	m := machine{transport: p.Transport, vars: map[string]string{"HOME": t.TempDir(), "XDG_CACHE_HOME": t.TempDir()}, cache: t.TempDir()}
	var r result
	for range max(q.CLI.Runs, 1) {
		r = m.hawser(t, args...)
	}
	found := p.CheckCLI(q.CLI, r.code, r.out+r.err)
	if err := p.End(); err != nil {
		found = append(found, err.Error())
	}
	return found
}
