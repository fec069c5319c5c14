package repo_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	maxReadmeLines = 160
	maxProseCell   = 25 // words of a table cell in README.md, SECURITY.md and the guides
)

// goBlock matches a Go code block in a document. The comment on the line above the block says how
// the block is checked: `<!-- compiled -->` for a whole program, `<!-- from FILE -->` for an
// excerpt.
var (
	goBlock   = regexp.MustCompile("(?s)(?:<!-- (compiled|from [^ ]+) -->\n+)?```go\n(.*?)\n```")
	tableLine = regexp.MustCompile(`(?m)^\|.*\|$`)
)

// elision is the line in an excerpt that stands for omitted code.
const elision = "// …"

func document(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func readme(t *testing.T) string {
	t.Helper()
	return document(t, "README.md")
}

// documents returns the names of the user documentation files whose code is checked.
func documents(t *testing.T) []string {
	t.Helper()
	pages := []string{"README.md"}
	for _, name := range allFiles(t) {
		if strings.HasPrefix(name, "docs/") && strings.HasSuffix(name, ".md") {
			pages = append(pages, name)
		}
	}
	return pages
}

func TestReadmeIsShort(t *testing.T) {
	if lines := strings.Count(readme(t), "\n"); lines > maxReadmeLines {
		t.Errorf("README.md has %d lines, limit %d: a reader needs a quick start; move the rest elsewhere", lines, maxReadmeLines)
	}
}

// Users copy the code in README.md and docs. Each block is a program that compiles, or an excerpt
// of a file that CI compiles and runs.
func TestDocumentsShowCodeThatCompiles(t *testing.T) {
	programs := 0
	for _, name := range documents(t) {
		for i, block := range goBlock.FindAllStringSubmatch(document(t, name), -1) {
			t.Run(fmt.Sprintf("%s block %d", filepath.Base(name), i+1), func(t *testing.T) {
				switch file, excerpt := strings.CutPrefix(block[1], "from "); {
				case excerpt:
					for _, part := range missingParts(document(t, file), block[2]) {
						t.Errorf("this is not in %s:\n%s", file, part)
					}
				case block[1] == "compiled":
					compile(t, block[2])
				default:
					t.Error("expected `<!-- compiled -->` or `<!-- from FILE -->` above the block")
				}
			})
			programs++
		}
	}
	if programs == 0 {
		t.Fatal("no document has a Go program")
	}
}

// missingParts splits an excerpt at its elisions and returns the parts that the source file does
// not contain. It compares whole lines and ignores indentation.
func missingParts(source, excerpt string) []string {
	var missing []string
	for part := range strings.SplitSeq("\n"+excerpt+"\n", "\n"+elision+"\n") {
		part = strings.Trim(part, "\n")
		found := false
		for indent := ""; len(indent) < 5 && !found; indent += "\t" {
			lines := strings.Split(part, "\n")
			for i, line := range lines {
				if line != "" {
					lines[i] = indent + line
				}
			}
			found = strings.Contains("\n"+source, "\n"+strings.Join(lines, "\n")+"\n")
		}
		if !found || part == "" {
			missing = append(missing, part)
		}
	}
	return missing
}

func TestExcerptsAreCompared(t *testing.T) {
	const source = "func f() {\n\tif a {\n\t\tb()\n\n\t\tc()\n\t}\n}\n"
	for excerpt, want := range map[string]int{
		"if a {\n\tb()":                       0,
		"b()\n\nc()":                          0,
		"func f() {\n// …\nc()":               0,
		"b()\nc()":                            1,
		"b(":                                  1,
		"func f() {\n// …\nd()\n// …\nelse":   2,
		"func f() {\n\tif a {\n\t\tb()\n// …": 1, // nothing after the elision
	} {
		if missing := missingParts(source, excerpt); len(missing) != want {
			t.Errorf("%q: missing %q, want %d parts", excerpt, missing, want)
		}
	}
}

// Tables are for facts that can be read at a glance.
func TestTableCellsAreShort(t *testing.T) {
	for _, name := range append(documents(t), "SECURITY.md") {
		for _, row := range tableLine.FindAllString(document(t, name), -1) {
			for cell := range strings.SplitSeq(strings.ReplaceAll(row, `\|`, ""), "|") {
				if words := len(strings.Fields(cell)); words > maxProseCell {
					t.Errorf("%s: a cell has %d words, limit %d: %s", name, words, maxProseCell, strings.TrimSpace(cell))
				}
			}
		}
	}
}

// compile builds a program as if it were in a directory of this module. It passes the file to the
// go command as an overlay and writes nothing to that directory.
func compile(t *testing.T, program string) {
	t.Helper()
	dir := t.TempDir()
	source, overlay := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json")
	seen, err := filepath.Abs(filepath.Join("readme_example", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {seen: source}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{source: []byte(program + "\n"), overlay: replace} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", os.DevNull, "./readme_example")
	if output, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
