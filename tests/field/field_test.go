package field

import (
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write docs/compatibility.md, and remove from the pending quirks those that work")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Each quirk gives the wanted result in each era where it applies, direct and through an executor.
// A quirk in [Pending] must not give it yet; if it does, remove it from Pending.
func TestCorpus(t *testing.T) {
	for _, q := range Corpus() {
		t.Run(q.ID, func(t *testing.T) {
			found := plays(t, &q)
			why, pending := Pending[q.ID]
			switch {
			case pending && len(found) == 0 && *update:
				remove(t, q.ID)
			case pending && len(found) == 0:
				t.Errorf("%s works now: remove it from the pending quirks (%s)", q.ID, why)
			case pending:
				t.Logf("pending: %s", why)
			}
			for _, text := range found {
				if pending {
					t.Log(text)
				} else {
					t.Error(text)
				}
			}
		})
	}
}

// remove deletes the row of a quirk from the source file of [Pending].
func remove(t *testing.T, id string) {
	t.Helper()
	delete(Pending, id)
	source, err := os.ReadFile("pending.go")
	require.NoError(t, err)
	list, others, _ := strings.Cut(string(source), "var PendingCLI")
	row := regexp.MustCompile(`(?m)^\t"` + id + `": .*\n`)
	formatted, err := format.Source([]byte(row.ReplaceAllString(list, "") + "var PendingCLI" + others))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("pending.go", formatted, 0o600))
}

// plays runs all plays of a quirk and returns the differences from the wanted result.
func plays(t *testing.T, q *Quirk) (found []string) {
	for variant := range q.Scripts {
		for _, era := range q.Each() {
			for _, way := range []Way{Direct, Executor} {
				synctest.Test(t, func(t *testing.T) {
					for _, text := range Run(t, q, variant, era, way) {
						found = append(found, fmt.Sprintf("variant %d, %v, %s: %s", variant, era, way, text))
					}
				})
			}
		}
	}
	return found
}

func TestPendingQuirksExist(t *testing.T) {
	for id := range Pending {
		if !slices.ContainsFunc(Corpus(), func(q Quirk) bool { return q.ID == id }) {
			t.Errorf("no quirk %s", id)
		}
	}
}

// A row of the corpus takes at most 30 lines.
func TestRowsAreShort(t *testing.T) {
	files, err := filepath.Glob("corpus_*.go")
	require.NoError(t, err)
	for _, name := range files {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, row := range strings.Split(string(source), "\n\t{\n")[1:] {
			row, _, _ = strings.Cut(row, "\n\t},\n")
			require.LessOrEqual(t, strings.Count(row, "\n")+3, 30, "%s: %s", name, row)
		}
	}
}

// docs/compatibility.md equals the text that the corpus and the results in tests/peers print,
// followed by the section on authorization servers that tests/peers checks.
func TestDocument(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "peers", "servers.json"))
	require.NoError(t, err)
	servers, err := ReadServers(data)
	require.NoError(t, err)
	authServers, err := os.ReadFile(filepath.Join("..", "peers", "authservers.md"))
	require.NoError(t, err)
	document := Document(servers) + string(authServers)
	name := filepath.Join("..", "..", "docs", "compatibility.md")
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(document), 0o600))
	}
	written, err := os.ReadFile(name)
	require.NoError(t, err)
	require.True(t, document == string(written), "docs/compatibility.md is out of date; run go test ./tests/field -update")
}

// Each row has all required fields and a unique ID.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range Corpus() {
		require.False(t, seen[q.ID], "%s is there twice", q.ID)
		seen[q.ID] = true
		require.NotEmpty(t, q.Kind, q.ID)
		require.NotEmpty(t, q.Sends, q.ID)
		require.NotEmpty(t, q.Sources, q.ID)
		require.NotEmpty(t, q.Scripts, q.ID)
	}
}
