package repo_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// leaks are texts that mean something on one machine only. The patterns are
// written so that they do not match themselves.
var leaks = map[string]*regexp.Regexp{
	"a path of somebody's machine":  regexp.MustCompile(`(?:^|[\s"'=(\[{,` + "`" + `])(?:/(?:root|work|tmp|home/\w+|Users/\w+)/|[A-Z]:\\Users\\)\w`),
	"the address of a registry":     regexp.MustCompile(`(?:registry\.(?:npmjs|yarnpkg)|proxy\.golang|goproxy)\.\w`),
	"a locked address of a package": regexp.MustCompile(`"resolved"\s*:`),
}

func TestNothingOfOneMachine(t *testing.T) {
	for _, name := range allFiles(t) {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(data, 0) >= 0 {
			continue // no text
		}
		number := 0
		for line := range bytes.Lines(data) {
			number++
			for what, leak := range leaks {
				if leak.Match(line) {
					t.Errorf("%s:%d holds %s: %s", name, number, what, bytes.TrimSpace(line))
				}
			}
		}
	}
}

func TestLeaksAreFound(t *testing.T) {
	for text, found := range map[string]bool{
		"see " + "/ro" + "ot/x":            true,
		`"` + "/home/" + `me/src"`:         true,
		"C:" + `\Users\me`:                 true,
		"https://registry" + ".npmjs.org/": true,
		"https://example.com/root/a":       false,
		"file:///tmp" + "/project":         false,
		"from the root/of the tree":        false,
	} {
		matched := false
		for _, leak := range leaks {
			matched = matched || leak.MatchString(text)
		}
		if matched != found {
			t.Errorf("%q: found %v, want %v", text, matched, found)
		}
	}
}

// Programs that cannot be built, and editors' leftovers, are not what a
// repository is for.
func TestNoStrayFiles(t *testing.T) {
	for _, name := range allFiles(t) {
		base := path.Base(name)
		for _, suffix := range []string{"~", ".orig", ".rej", ".swp", ".DS_Store", ".exe", ".test", ".prof", ".log"} {
			if strings.HasSuffix(base, suffix) {
				t.Errorf("stray file %s", name)
			}
		}
	}
}
