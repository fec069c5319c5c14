package peers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-mcp/hawser/tests/field"
)

// shortPlay is the longest play, in fake time, that is repeated through codex in real time.
const shortPlay = time.Second

// differentThroughCodex maps quirks to the reason why their result differs through codex.
var differentThroughCodex = map[string]string{
	"F56": "codex describes in its own words why a body was cut",
}

// Through codex, the quirks of tests/field give the same results as direct.
func TestQuirksThroughCodex(t *testing.T) {
	executor := startExecutor(t, "codex")
	var short, long int
	t.Cleanup(func() {
		t.Logf("%d plays; %d others last more than %v", short, long, shortPlay)
		if short < 6*long {
			t.Error("too few plays are short")
		}
	})
	for _, q := range field.Corpus() {
		why, different := differentThroughCodex[q.ID]
		if _, pending := field.Pending[q.ID]; pending {
			continue
		}
		t.Run(q.ID, func(t *testing.T) {
			var found []string
			for variant := range q.Scripts {
				for _, era := range q.Each() {
					if lasts(t, &q, variant, era) > shortPlay {
						long++
						continue
					}
					short++
					found = append(found, field.RunOver(t, &q, variant, era, openExecutor(t, executor, nil))...)
				}
			}
			if different && len(found) == 0 {
				t.Errorf("the result is the same as direct (%s)", why)
			}
			for _, text := range found {
				if !different {
					t.Error(text)
				}
			}
		})
	}
}

// lasts returns how long a play lasts.
func lasts(t *testing.T, q *field.Quirk, variant int, era field.Era) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, err := field.Start(q, variant, era, field.Direct)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		p.Run(q)
		took = time.Since(began)
		if err := p.End(); err != nil {
			t.Error(err)
		}
	})
	return took
}
