package peer

import (
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	for _, test := range []struct {
		name     string
		statuses string
		count    Count
		err      string // part of the error
	}{
		{"good", "SUCCESS INFO SUCCESS SKIPPED", Count{Success: 2, Skipped: 1}, ""},
		{"no checks", "", Count{}, "checks succeeded"},
		{"all skipped", "SKIPPED INFO", Count{Skipped: 1}, "checks succeeded"},
		{"failure", "SUCCESS FAILURE", Count{Success: 1}, "FAILURE the-id: why"},
		{"warning", "SUCCESS WARNING", Count{Success: 1}, "WARNING the-id: why"},
		{"unknown status", "SUCCESS MAYBE", Count{Success: 1}, "MAYBE the-id: why"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var checks []Check
			for status := range strings.FieldsSeq(test.statuses) {
				checks = append(checks, Check{ID: "the-id", Description: "why", Status: status})
			}
			count, err := Tally(checks)
			if count != test.count {
				t.Errorf("counted %+v, expected %+v", count, test.count)
			}
			switch {
			case test.err == "" && err != nil:
				t.Errorf("unexpected error %v", err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %v, expected one with %q", err, test.err)
			}
		})
	}
}
