package repo_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dependencies are the modules the root go.mod names, each with its reason. Every
// user of Hawser gets them; what is heavy or optional belongs into a nested module.
var dependencies = map[string]string{
	"github.com/cenkalti/backoff/v4":           "the intervals of every retry",
	"github.com/cli/browser":                   "opens the page of a login",
	"github.com/gofrs/flock":                   "locks of the token files that processes share",
	"github.com/gorilla/websocket":             "the link to an executor",
	"github.com/golang-jwt/jwt/v5":             "the signatures of client assertions and DPoP proofs",
	"github.com/segmentio/asm":                 "base64 of bodies, with vector instructions",
	"golang.org/x/oauth2":                      "authorization URLs and PKCE",
	"github.com/mark3labs/mcp-go":              "the protocol's types, which are part of our API; its server in tests",
	"github.com/stretchr/testify":              "tests only",
	"go.uber.org/goleak":                       "tests only: no goroutine is left behind",
	"github.com/google/jsonschema-go":          "of mcp-go",
	"github.com/google/uuid":                   "of mcp-go's server",
	"github.com/santhosh-tekuri/jsonschema/v6": "validation against the schemas of tools",
	"golang.org/x/sys":                         "of flock, browser and asm",
	"golang.org/x/text":                        "of jsonschema",
	"github.com/spf13/cast":                    "of mcp-go",
	"github.com/yosida95/uritemplate/v3":       "of mcp-go",
	"go.yaml.in/yaml/v3":                       "of testify",
}

// linked are the modules of others that a program with Hawser in it has, as section 12 of DESIGN.md says.
var linked = []string{
	"github.com/cenkalti/backoff/v4", "github.com/google/jsonschema-go", "github.com/mark3labs/mcp-go",
	"github.com/santhosh-tekuri/jsonschema/v6", "github.com/spf13/cast", "github.com/yosida95/uritemplate/v3", "golang.org/x/text",
}

// What only tests and examples need is not in the programs of users.
func TestWhatUsersLink(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./mcpclient")
	list.Dir = root
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Fields(string(output))
	slices.Sort(modules)
	if modules = slices.Compact(modules); !slices.Equal(modules, linked) {
		t.Errorf("programs link %q, want %q", modules, linked)
	}
}

func TestDependenciesHaveReasons(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", filepath.Join(root, "go.mod")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path string `json:"Path"`
		} `json:"Require"`
		Replace []any `json:"Replace"`
	}
	if err := json.Unmarshal(output, &mod); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, require := range mod.Require {
		named[require.Path] = true
		if dependencies[require.Path] == "" {
			t.Errorf("go.mod requires %s, for which there is no reason in this test", require.Path)
		}
	}
	for dependency := range dependencies {
		if !named[dependency] {
			t.Errorf("go.mod does not require %s: its reason here is out of date", dependency)
		}
	}
	if len(mod.Replace) > 0 {
		t.Error("the root go.mod replaces modules, which users of a library do not see")
	}
}

// CI works through a list of modules. One that is not on it is never tested.
func TestModulesAreListed(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, ".ci", "modules"))
	if err != nil {
		t.Fatal(err)
	}
	var listed, found []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") {
			listed = append(listed, line)
		}
	}
	for _, name := range allFiles(t) {
		if path.Base(name) == "go.mod" {
			found = append(found, path.Dir(name))
		}
	}
	slices.Sort(found)
	if !slices.Equal(listed, found) {
		t.Errorf(".ci/modules lists %q, the tree has %q (in this order)", listed, found)
	}
}
