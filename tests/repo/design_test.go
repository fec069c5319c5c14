package repo_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// landmarks are topics that a reader who does not know the code must find in DESIGN.md. A line of
// DESIGN.md must have the words and the name of the file, and the file must contain the text in
// holds.
var landmarks = []struct{ words, file, holds string }{
	{"header encoding", "streamablehttp/headers.go", "func encodeHeaderValue("},
	{"the status table", "streamablehttp/status.go", "func replyKind("},
	{"generation recovery", "mcpclient/recovery.go", "func (s *Session) recover("},
	{"the SSE window", "internal/sse/reader.go", "type Reader struct"},
	{"the cursor", "streamablehttp/stream.go", "type Cursor struct"},
	{"the retry table", "internal/verdict/verdict.go", "func Judge("},
}

func TestDesignLeadsToTheCode(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "DESIGN.md"))
	if err != nil {
		t.Fatal(err)
	}
	design := string(data)
	for _, l := range landmarks {
		found := false
		for line := range strings.Lines(design) {
			found = found || strings.Contains(line, l.words) && strings.Contains(line, path.Base(l.file))
		}
		if !found {
			t.Errorf("no line of DESIGN.md contains %q and names %s", l.words, path.Base(l.file))
		}
		if src, err := os.ReadFile(filepath.Join(root, l.file)); err != nil || !strings.Contains(string(src), l.holds) {
			t.Errorf("%s must contain %q, because DESIGN.md names it for that (%v)", l.file, l.holds, err)
		}
	}
	exists := map[string]bool{}
	for _, f := range goFiles(t) {
		exists[path.Base(f.path)] = true
	}
	for _, name := range regexp.MustCompile(`\b[a-z0-9_]+\.go\b`).FindAllString(design, -1) {
		if !exists[name] {
			t.Errorf("DESIGN.md names %s, which does not exist", name)
		}
	}
	for dependency, reason := range dependencies {
		direct := !strings.HasPrefix(reason, "dependency of ")
		if named := strings.Contains(design, "| "+dependency+" |"); named != direct {
			t.Errorf("DESIGN.md gives a reason for %s: %v, expected %v", dependency, named, direct)
		}
	}
}
