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

// leaks are patterns of text that only makes sense on one machine. The patterns do not match their
// own source code.
var leaks = map[string]*regexp.Regexp{
	"a path of a user's machine":    regexp.MustCompile(`(?:^|[\s"'=(\[{,` + "`" + `])(?:/(?:root|work|tmp|home/\w+|Users/\w+)/|[A-Z]:\\Users\\)\w`),
	"the address of a registry":     regexp.MustCompile(`(?:registry\.(?:npmjs|yarnpkg)|proxy\.golang|goproxy)\.\w`),
	"a pinned address of a package": regexp.MustCompile(`"resolved"\s*:`),
}

func TestNoMachineSpecificText(t *testing.T) {
	for _, name := range allFiles(t) {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(data, 0) >= 0 {
			continue // not a text file
		}
		number := 0
		for line := range bytes.Lines(data) {
			number++
			for what, leak := range leaks {
				if leak.Match(line) {
					t.Errorf("%s:%d contains %s: %s", name, number, what, bytes.TrimSpace(line))
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
			t.Errorf("%q: found %v, expected %v", text, matched, found)
		}
	}
}

// The repository contains no build output and no editor files.
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
