package repo_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	relativeLink = regexp.MustCompile(`\]\(([^)#:]*)(#[^)]+)?\)`)
	heading      = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the URL fragments that forges generate for the headings of a document.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		anchor := notInAnchor.ReplaceAllString(strings.ToLower(match[1]), "")
		found["#"+strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return found
}

func TestLinksOfDocumentsLead(t *testing.T) {
	for _, name := range append(documents(t), "SECURITY.md") {
		text := document(t, name)
		for _, link := range relativeLink.FindAllStringSubmatch(text, -1) {
			target := name
			if link[1] != "" {
				target = path.Join(path.Dir(name), link[1])
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links to %s, which is not there", name, link[0])
				continue
			}
			if link[2] != "" && !anchors(document(t, target))[link[2]] {
				t.Errorf("%s links to %s, a heading that %s does not have", name, link[2], target)
			}
		}
	}
}
