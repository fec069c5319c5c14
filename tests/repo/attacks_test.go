package repo_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const attacksFile = "docs/attacks.md"

var attackRow = regexp.MustCompile(`^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)

// Every attack names existing tests, and says in a sentence what holds against it.
func TestAttacksHaveTests(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, attacksFile))
	if err != nil {
		t.Fatal(err)
	}
	tests, rows := testFunctions(t), 0
	named := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		row := attackRow.FindStringSubmatch(strings.TrimSpace(line))
		if len(row) == 0 || row[1] == "attack" {
			if strings.HasPrefix(line, "|") && len(row) == 0 && strings.Trim(line, "|-\n") != "" {
				t.Errorf("%s: not a row of its table: %s", attacksFile, line)
			}
			continue
		}
		rows++
		if !strings.HasSuffix(row[2], ".") || len(strings.Fields(row[2])) > maxCellWords || len(strings.Fields(row[1])) > maxCellWords {
			t.Errorf("%s: expected a short phrase and a short sentence: %s", attacksFile, line)
		}
		shown := strings.Split(row[3], ", ")
		if len(shown) > maxShown {
			t.Errorf("%s names %d tests, expected at most %d: %s", attacksFile, len(shown), maxShown, row[1])
		}
		for _, name := range shown {
			parts := shownTest.FindStringSubmatch(name)
			if len(parts) == 0 || !tests[parts[1]+"."+parts[2]] {
				t.Errorf("%s names %s, which is not a test", attacksFile, name)
				continue
			}
			named[parts[1]+"."+parts[2]] = true
		}
	}
	if rows < 25 {
		t.Errorf("%s has %d rows, expected at least 25", attacksFile, rows)
	}
	for name := range tests {
		if strings.HasPrefix(name, "tests/attacks.") && !strings.HasSuffix(name, ".TestMain") && !named[name] {
			t.Errorf("%s does not name %s", attacksFile, name)
		}
	}
}
