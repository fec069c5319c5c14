package peers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// serversFile records the results. docs/compatibility.md shows them.
const serversFile = "servers.json"

// results are the columns and rows of the page.
type results struct {
	Features []feature   `json:"features"`
	Servers  []serverRow `json:"servers"`
}

type serverRow struct {
	Name           string `json:"name"`
	Version        string `json:"version"`
	Implementation string `json:"implementation"`
	Protocol       string `json:"protocol"`
	Stateless      bool   `json:"stateless,omitempty"`
	// NA has the reason for each feature that the program does not offer. All others work.
	NA map[feature]string `json:"na,omitempty"`
}

func wantedResults(t *testing.T) results {
	t.Helper()
	r := results{Features: features}
	for _, p := range serverPrograms() {
		r.Servers = append(r.Servers, serverRow{p.name, versionOf(t, &p), p.implementation, p.protocol, p.stateless, p.na})
	}
	return r
}

// versionOf returns the pinned version of a program.
func versionOf(t *testing.T, p *serverProgram) string {
	t.Helper()
	version := lockedVersion(t, p.pkg)
	if p.goDir != "" {
		version = requiredVersion(t, p.goDir, p.pkg)
	}
	if version == "" {
		t.Fatalf("%s: no version of %s is pinned", p.name, p.pkg)
	}
	return version
}

// lockedVersion returns the version of an npm package in one of the lock files.
func lockedVersion(t *testing.T, pkg string) string {
	t.Helper()
	for _, name := range []string{filepath.Join("servers", "package-lock.json"), "package-lock.json"} {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		var lock struct {
			Packages map[string]struct{ Version string }
		}
		if err := json.Unmarshal(data, &lock); err != nil {
			t.Fatal(err)
		}
		if locked, found := lock.Packages["node_modules/"+pkg]; found {
			return locked.Version
		}
	}
	return ""
}

// requiredVersion returns the version of a module that the go.mod of a program requires.
func requiredVersion(t *testing.T, dir, module string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("servers", dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(strings.TrimPrefix(line, "require ")); len(words) >= 2 && words[0] == module {
			return strings.TrimPrefix(words[1], "v")
		}
	}
	return ""
}

func encodeResults(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(wantedResults(t)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeServers records the results after all programs gave them.
func writeServers(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(serversFile, encodeResults(t), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The recorded results are those of these programs in these versions.
func TestServersAreRecorded(t *testing.T) {
	recorded, err := os.ReadFile(serversFile)
	if err != nil {
		t.Fatal(err)
	}
	if want := encodeResults(t); !*update && !bytes.Equal(recorded, want) {
		t.Errorf("%s differs from the table: run `make servers-record`; expected:\n%s", serversFile, want)
	}
}

// The rows are complete and distinct, and their reasons are short. CI runs programs in Go and for
// node, of several implementations.
func TestServerPrograms(t *testing.T) {
	const maxWords = 25
	implementations, languages, rows := map[string]bool{}, map[bool]int{}, map[string]bool{}
	for _, p := range serverPrograms() {
		row := p.name + " " + versionOf(t, &p)
		if rows[row] {
			t.Errorf("there are two rows %s", row)
		}
		rows[row] = true
		for f, reason := range p.na {
			if !slices.Contains(features, f) || f == connects || reason == "" || len(strings.Fields(reason)) > maxWords {
				t.Errorf("%s: %q is not applicable because %q: wrong feature, or no short reason", row, f, reason)
			}
		}
		if p.ci {
			implementations[p.implementation] = true
			languages[p.goDir != ""]++
		}
	}
	if languages[true]+languages[false] < minPrograms || len(languages) != 2 || len(implementations) < minImplementations {
		t.Errorf("CI runs %d programs in Go and %d for node, of %d implementations, expected %d of %d",
			languages[true], languages[false], len(implementations), minPrograms, minImplementations)
	}
}

// What CI runs at least.
const (
	minPrograms        = 6
	minImplementations = 5
)
