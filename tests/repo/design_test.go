package repo_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// landmarks are what a reader who has never seen the code must find from
// DESIGN.md alone: the words there, the file on the same line, and what is in it.
var landmarks = []struct{ words, file, holds string }{
	{"header encoding", "streamablehttp/headers.go", "func encodeHeaderValue("},
	{"the status table", "streamablehttp/status.go", "func replyKind("},
	{"generation recovery", "mcpclient/recovery.go", "func (s *Session) recover("},
	{"the SSE window", "internal/sse/reader.go", "type Reader struct"},
	{"the cursor", "streamablehttp/stream.go", "type Cursor struct"},
	{"the retry table", "mcpclient/retrytable.go", "func judge("},
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
			t.Errorf("no line of DESIGN.md speaks of %s and names %s", l.words, path.Base(l.file))
		}
		if src, err := os.ReadFile(filepath.Join(root, l.file)); err != nil || !strings.Contains(string(src), l.holds) {
			t.Errorf("%s does not hold %q, which is why DESIGN.md names it (%v)", l.file, l.holds, err)
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
		direct := !strings.HasPrefix(reason, "of ")
		if named := strings.Contains(design, "| "+dependency+" |"); named != direct {
			t.Errorf("DESIGN.md gives a reason for %s: %v, want %v", dependency, named, direct)
		}
	}
}
