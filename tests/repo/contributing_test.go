package repo_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The supported versions that CONTRIBUTING.md names are the versions that CI builds and tests.
func TestSupportedVersions(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var npm struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if err := json.Unmarshal([]byte(read("tests/peers/package.json")), &npm); err != nil {
		t.Fatal(err)
	}
	const codex = "@openai/codex"
	codexes := npm.Dependencies[codex]
	for _, version := range npm.Dependencies { // an alias is npm:PACKAGE@VERSION
		if older, ok := strings.CutPrefix(version, "npm:"+codex+"@"); ok {
			codexes += ", " + older
		}
	}
	want := []string{"| codex exec-server | " + codexes + " |"}
	mod := read("go.mod")
	for prefix, version := range map[string]string{
		"| Go | %; ": `(?m)^go (\S+)$`, "| mcp-go | % ": `(?m)^\tgithub.com/mark3labs/mcp-go (\S+)$`,
	} {
		found := regexp.MustCompile(version).FindStringSubmatch(mod)
		if found == nil {
			t.Fatalf("go.mod has no line %s", version)
		}
		want = append(want, strings.TrimRight(strings.ReplaceAll(prefix, "%", found[1]), "; "))
	}
	for _, revision := range regexp.MustCompile(`mcp\.ProtocolVersion(\d{4})(\d\d)(\d\d)`).FindAllStringSubmatch(read("mcpclient/version.go"), -1) {
		want = append(want, strings.Join(revision[1:], "-"))
	}
	contributing := read("CONTRIBUTING.md")
	for _, text := range want {
		if !strings.Contains(contributing, text) {
			t.Errorf("CONTRIBUTING.md: %q is missing", text)
		}
	}
}
