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

// dependencies gives the reason for each module in the root go.mod. Every user of Hawser downloads
// these modules, so heavy or optional dependencies belong in a nested module.
var dependencies = map[string]string{
	"github.com/cenkalti/backoff/v4":           "the intervals of every retry",
	"github.com/cli/browser":                   "opens the login URL in a browser",
	"github.com/gofrs/flock":                   "locks of the files that processes share: tokens and pins",
	"github.com/gorilla/websocket":             "the link to an executor",
	"github.com/golang-jwt/jwt/v5":             "the signatures of client assertions and DPoP proofs",
	"github.com/segmentio/asm":                 "base64 of bodies, with vector instructions",
	"golang.org/x/oauth2":                      "authorization URLs and PKCE",
	"github.com/mark3labs/mcp-go":              "the protocol's types, which are part of our API; its server in tests",
	"github.com/stretchr/testify":              "tests only",
	"go.uber.org/goleak":                       "tests only: finds leaked goroutines",
	"github.com/google/jsonschema-go":          "dependency of mcp-go",
	"github.com/google/uuid":                   "dependency of mcp-go's server",
	"github.com/santhosh-tekuri/jsonschema/v6": "validation against the schemas of tools",
	"golang.org/x/sys":                         "dependency of flock, browser and asm",
	"golang.org/x/text":                        "dependency of jsonschema",
	"github.com/spf13/cast":                    "dependency of mcp-go",
	"github.com/yosida95/uritemplate/v3":       "dependency of mcp-go",
	"go.yaml.in/yaml/v3":                       "dependency of testify",
}

// linked lists the third-party modules that are linked into a program that uses Hawser. Section 12
// of DESIGN.md names the same modules.
var linked = []string{
	"github.com/cenkalti/backoff/v4", "github.com/google/jsonschema-go", "github.com/mark3labs/mcp-go",
	"github.com/santhosh-tekuri/jsonschema/v6", "github.com/spf13/cast", "github.com/yosida95/uritemplate/v3", "golang.org/x/text",
}

// linkedByOpenTelemetry lists the modules that are linked into a program besides, if it uses
// mcpclient/otelmcp.
var linkedByOpenTelemetry = []string{
	"github.com/cespare/xxhash/v2", "github.com/go-logr/logr", "github.com/go-logr/stdr", "github.com/hawser-mcp/hawser",
	"go.opentelemetry.io/auto/sdk", "go.opentelemetry.io/otel", "go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/trace",
}

// Users' programs do not link modules that only tests and examples need.
func TestWhatUsersLink(t *testing.T) {
	for dir, want := range map[string][]string{
		"mcpclient": linked, "mcpclient/otelmcp": slices.Concat(linked, linkedByOpenTelemetry),
	} {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".")
		list.Dir, list.Env = filepath.Join(root, filepath.FromSlash(dir)), append(os.Environ(), "GOWORK=off")
		output, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		modules := strings.Fields(string(output))
		slices.Sort(modules)
		slices.Sort(want)
		if modules = slices.Compact(modules); !slices.Equal(modules, want) {
			t.Errorf("programs that use %s link %q, expected %q", dir, modules, want)
		}
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
			t.Errorf("go.mod requires %s, but this test has no reason for it", require.Path)
		}
	}
	for dependency := range dependencies {
		if !named[dependency] {
			t.Errorf("go.mod does not require %s: remove its reason from this test", dependency)
		}
	}
	if len(mod.Replace) > 0 {
		t.Error("the root go.mod has replace directives, which do not apply for users of the library")
	}
}

// CI tests only the modules in its list, so every module must be listed.
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
		t.Errorf(".ci/modules lists %q, expected %q (in this order)", listed, found)
	}
}
