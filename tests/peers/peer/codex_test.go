package peer

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Codexes has the versions that package.json pins.
func TestCodexesArePinned(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(modules(t), "..", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var npm struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if err := json.Unmarshal(data, &npm); err != nil {
		t.Fatal(err)
	}
	pinned, listed := map[string]string{}, map[string]string{} // version by alias
	for name, version := range npm.Dependencies {
		if name == codexPackageName {
			pinned[""] = version
		} else if alias, ok := strings.CutPrefix(version, "npm:"+codexPackageName+"@"); ok {
			pinned[name] = alias
		}
	}
	for _, codex := range Codexes {
		listed[codex.Alias] = codex.Version
	}
	if !maps.Equal(pinned, listed) {
		t.Errorf("package.json pins %v, the table lists %v", pinned, listed)
	}
	if Codexes[0].Alias != "" {
		t.Errorf("the first version is %s, expected the one in %s", Codexes[0].Version, codexPackageName)
	}
}
