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

const maxReadmeLines = 200

// compiledBlock matches a whole program in README.md after the comment that marks it.
var compiledBlock = regexp.MustCompile("(?s)<!-- compiled -->\n+```go\n(.*?)\n```\n")

func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReadmeIsShort(t *testing.T) {
	if lines := strings.Count(readme(t), "\n"); lines > maxReadmeLines {
		t.Errorf("README.md has %d lines, limit %d: a reader needs a quick start; move the rest elsewhere", lines, maxReadmeLines)
	}
}

// The programs in README.md are the first code of ours that people copy, so they must compile.
func TestReadmeExamplesCompile(t *testing.T) {
	blocks := compiledBlock.FindAllStringSubmatch(readme(t), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md has no Go program under a `<!-- compiled -->` comment")
	}
	for i, block := range blocks {
		t.Run(fmt.Sprintf("block %d", i+1), func(t *testing.T) {
			compile(t, block[1])
		})
	}
}

// compile builds a program as if it were in a directory of this module. It writes nothing there,
// because an overlay shows the file to the go command.
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
