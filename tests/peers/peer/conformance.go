package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Check is one entry of checks.json, which the conformance suite writes.
type Check struct {
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Status       string          `json:"status"` // SUCCESS, FAILURE, WARNING, SKIPPED or INFO
	Description  string          `json:"description"`
	ErrorMessage string          `json:"errorMessage"`
	Details      json.RawMessage `json:"details"`
}

// Extension stands for the revision in scenarios of extensions. These scenarios belong to no
// revision. They run at the newest one.
const Extension = "extension"

const newestRevision = "2026-07-28"

// RunConformance runs a client program through one scenario of the conformance suite at one
// protocol revision, and returns the checks that the suite made. env is added to the client's
// environment. The program's path must not contain a space, because the suite splits it there.
//
// If the suite fails, the client exits with an error, or the run writes no checks, the error
// includes the output of the suite and the client. RunConformance does not evaluate the checks: see
// [Tally].
func RunConformance(tb testing.TB, client, scenario, revision string, env ...string) ([]Check, error) {
	tb.Helper()
	results := tb.TempDir()
	args := []string{bin(tb, "conformance"), "client", "--command", client, "--scenario", scenario, "--output-dir", results}
	if revision == Extension {
		args = append(args, "--spec-version", newestRevision, "--force")
	} else {
		args = append(args, "--spec-version", revision)
	}
	p := start(tb, env, bin(tb, "node"), args...)
	err := p.wait()
	output, _ := p.log.read()
	// The suite ignores a client's failure in some scenarios. We do not.
	if err == nil && strings.Contains(output, "Client exited with code") {
		err = errors.New("the client failed")
	}
	// Each run gets its own directory, named after the scenario and time. A scenario that does not
	// apply to the revision is "skipped" with exit status 0 and leaves the directory empty.
	if err == nil {
		var checks []Check
		if checks, err = readChecks(results, scenario); err == nil {
			return checks, nil
		}
	}
	return nil, fmt.Errorf("%w; the suite printed:\n%s", err, output)
}

func readChecks(results, scenario string) ([]Check, error) {
	files, err := filepath.Glob(filepath.Join(results, filepath.FromSlash(scenario)+"-*", "checks.json"))
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("found %d checks files, expected 1", len(files))
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	var checks []Check
	if err := json.Unmarshal(data, &checks); err != nil {
		return nil, fmt.Errorf("checks.json: %w", err)
	}
	return checks, nil
}

// Count holds the number of checks of a run by result. It excludes checks with the status INFO,
// because their number depends on timing.
type Count struct {
	Success int `json:"success"`
	Skipped int `json:"skipped"`
}

// Tally counts checks. It returns an error for a failure, a warning, an unknown status, or a run
// without a successful check. The suite itself reports success for a client that sends nothing.
func Tally(checks []Check) (Count, error) {
	var count Count
	var bad []string
	for _, check := range checks {
		switch check.Status {
		case "SUCCESS":
			count.Success++
		case "SKIPPED":
			count.Skipped++
		case "INFO":
		default:
			bad = append(bad, fmt.Sprintf("%s %s: %s: %s %s",
				check.Status, check.ID, check.Description, check.ErrorMessage, check.Details))
		}
	}
	if len(bad) > 0 {
		return count, errors.New(strings.Join(bad, "\n"))
	}
	if count.Success == 0 {
		return count, fmt.Errorf("none of %d checks succeeded", len(checks))
	}
	return count, nil
}

// scenarioLine matches a line of `conformance list --client`.
var scenarioLine = regexp.MustCompile(`(?m)^ +- (\S+) \[([^\]]*)\]$`)

// ClientScenarios returns the client scenarios of the suite and the revisions that each applies to.
// Scenarios of extensions have the revision "extension".
func ClientScenarios(tb testing.TB) map[string][]string {
	tb.Helper()
	p := start(tb, nil, bin(tb, "node"), bin(tb, "conformance"), "list", "--client")
	err := p.wait()
	output, _ := p.log.read()
	lines := scenarioLine.FindAllStringSubmatch(output, -1)
	if err != nil || len(lines) == 0 {
		tb.Fatalf("conformance list: %v, %d scenarios; output:\n%s", err, len(lines), output)
	}
	scenarios := make(map[string][]string, len(lines))
	for _, line := range lines {
		scenarios[line[1]] = strings.Split(line[2], ",")
	}
	return scenarios
}
