package repo_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// importRule restricts what a package may import, directly or through other packages of this
// module. Its tests are exempt.
type importRule struct {
	why      string
	onlyStd  bool     // standard library only
	only     []string // if not empty: these import paths and the standard library only
	never    []string // forbidden packages, including those of the standard library
	neverOwn []string // forbidden packages of this module, by directory
}

// importRules has an entry for each package listed in section "Import rules" of DESIGN.md.
var importRules = map[string]importRule{
	"transport": {
		why:  "an implementation of the seam must not need more than net/http",
		only: []string{module + "/internal/goroutines", module + "/internal/httprule", module + "/internal/redact"},
	},
	"transport/transporttest": {
		why:      "users must be able to run the contract on their own RoundTripper",
		neverOwn: []string{"transport/executor", "streamablehttp", "oauth", "mcpclient"},
		never:    []string{"github.com/stretchr/testify/require", "github.com/stretchr/testify/assert"},
	},
	"streamablehttp": {
		why:      "MCP over HTTP works on any RoundTripper, with or without authorization",
		neverOwn: []string{"oauth", "transport/executor", "mcpclient"},
	},
	"oauth": {
		why:      "authorization decorates the seam and does not depend on MCP above it",
		neverOwn: []string{"streamablehttp", "transport/executor", "mcpclient"},
	},
	"internal/execproto": {
		why:   "the executor's messages are bytes and values, independent of links and exchanges",
		only:  []string{module + "/internal/jsonrpc", "github.com/segmentio/asm/base64", "github.com/segmentio/asm/ascii"},
		never: []string{"net", "net/http"},
	},
	"internal/wire": {
		why:  "decoders convert bytes to the types of package mcp, independent of sessions",
		only: []string{module + "/internal/jsonrpc", "github.com/mark3labs/mcp-go/mcp"},
	},
	"mcpclient/form": {
		why:   "a form is data, and programs without a session can read and check it",
		only:  []string{module + "/internal/wire", module + "/internal/jsonrpc", module + "/internal/urichars", "github.com/mark3labs/mcp-go/mcp"},
		never: []string{"net", "net/http"},
	},
	"mcpclient/mcpconfig": {
		why:  "programs read configuration without a session, and it connects to nothing",
		only: []string{module + "/internal/httprule", module + "/internal/redact"},
	},
	"mcpclient/toolspec": {
		why:      "it converts data, and depends neither on the network nor on authorization",
		neverOwn: []string{"oauth", "transport/executor"},
	},
	"mcpclient/group": {
		why:      "programs pass authorizers and transports to it, and only link those that they use",
		neverOwn: []string{"oauth", "transport/executor"},
	},
	"internal/canonical": {
		why:  "it compares JSON texts and does not know what they mean",
		only: []string{module + "/internal/jsonrpc"},
	},
	"internal/safeurl": {
		why:  "what may be shown depends on the URL alone",
		only: []string{module + "/internal/urichars"},
	},
	"internal/uritemplate": {
		why:   "expanding a template is work on strings",
		only:  []string{module + "/internal/urichars"},
		never: []string{"net", "net/http"},
	},
	"internal/urichars": {
		why:     "it classifies bytes",
		onlyStd: true,
	},
	"internal/fileroot": {
		why:   "a root is a path of this machine; which server sees it is not its business",
		only:  []string{"github.com/mark3labs/mcp-go/mcp"},
		never: []string{"net/http"},
	},
	"internal/link": {
		why:  "a link carries messages independent of their content",
		only: []string{"github.com/gorilla/websocket"},
	},
	"internal/jsonvalue": {
		why:     "it replaces a function of encoding/json and knows no more than that",
		onlyStd: true,
	},
	"internal/jsonrpc":   parserRule,
	"internal/sse":       parserRule,
	"internal/challenge": parserRule,
	"internal/httpstatus": {
		why:     "oauth and executors classify statuses as well, and must not need streamablehttp for it",
		onlyStd: true,
	},
	"internal/sharedfile": {
		why:  "it locks and replaces files and does not know what they hold",
		only: []string{"github.com/gofrs/flock"},
	},
	"internal/redact": {
		why:     "every package that holds a secret uses it, including the seam",
		onlyStd: true,
	},
	"internal/goroutines":   machineRule,
	"internal/singleflight": machineRule,
	"internal/timeouts":     machineRule,
	"internal/httprule":     machineRule,
	"internal/pacing": {
		why:  "sessions and links wait by the same rules, and these know neither",
		only: []string{"github.com/cenkalti/backoff/v4"},
	},
	"internal/queue": {
		why:     "it holds values and does not know what they are",
		onlyStd: true,
	},
	"internal/netclass": {
		why:     "the classification of an address does not depend on its user, and the dialer of the seam needs it",
		onlyStd: true,
	},
	"internal/schema": {
		why: "it validates bytes against bytes, and none of its imports may load a schema",
		only: []string{
			module + "/internal/jsonrpc", module + "/internal/redact",
			"github.com/santhosh-tekuri/jsonschema/v6", "github.com/santhosh-tekuri/jsonschema/v6/kind",
		},
		never: []string{"net/http", "os"},
	},
}

var parserRule = importRule{
	why:      "a parser converts bytes to values, independent of their source and meaning",
	neverOwn: []string{"internal/jsonrpc", "internal/sse", "internal/challenge"},
	never:    []string{"net/http"},
}

var machineRule = importRule{
	why:     "it is used by packages that must not know each other, and knows none of them",
	onlyStd: true,
}

func TestImportRules(t *testing.T) {
	direct := directImports(t)
	for pkg, rule := range importRules {
		if direct[pkg] == nil {
			t.Errorf("%s has a rule but no files: was it renamed?", pkg)
		}
		for imported, through := range allImports(direct, pkg) {
			own, isOwn := strings.CutPrefix(imported, module+"/")
			forbidden := slices.Contains(rule.never, imported) || isOwn && slices.Contains(rule.neverOwn, own) ||
				rule.onlyStd && !isStd(imported) || len(rule.only) > 0 && !isStd(imported) && !slices.Contains(rule.only, imported)
			if forbidden && own != pkg {
				t.Errorf("%s imports %s (in %s): %s", pkg, imported, through, rule.why)
			}
		}
	}
}

func TestNoLibraryImportsTheClient(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isLibrary() && !strings.HasPrefix(f.path, "mcpclient/") && slices.Contains(f.imports(), module+"/mcpclient") {
			t.Errorf("%s imports mcpclient, which is above every package outside its directory", f.path)
		}
	}
}

// A program may build the module of otelmcp with a newer root module, whose internal packages differ.
func TestNestedLibraryUsesNothingInternal(t *testing.T) {
	found := false
	for _, f := range goFiles(t) {
		if f.dir() != "mcpclient/otelmcp" || f.isTest() {
			continue
		}
		found = true
		for _, imported := range f.imports() {
			if strings.HasPrefix(imported, module+"/internal/") {
				t.Errorf("%s imports %s", f.path, imported)
			}
		}
	}
	if !found {
		t.Error("mcpclient/otelmcp has no Go files: was it renamed?")
	}
}

func TestConformanceClientIsAnOrdinaryUser(t *testing.T) {
	found := false
	for _, f := range goFiles(t) {
		if !strings.HasPrefix(f.path, "tests/conformance/client/") || f.isTest() {
			continue
		}
		found = true
		for _, imported := range f.imports() {
			if imported == "net" || strings.HasPrefix(imported, "net/http") {
				t.Errorf("%s imports %s: the suite must see the SDK's requests, not the program's", f.path, imported)
			}
		}
	}
	if !found {
		t.Error("tests/conformance/client has no Go files")
	}
}

// Only tests may use http.DefaultClient or http.DefaultTransport, directly or through functions
// such as http.Get. These variables belong to the user's program: if one library changed them, all
// others would be affected.
func TestNoLibraryUsesTheDefaultClient(t *testing.T) {
	shared := []string{"DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"}
	for _, f := range goFiles(t) {
		name := importName(f.ast, "net/http", "http")
		if f.isTest() || name == "" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == name && slices.Contains(shared, selector.Sel.Name) {
				t.Errorf("%s:%d: http.%s", f.path, f.line(n.Pos()), selector.Sel.Name)
			}
			return true
		})
	}
}

// importName returns the name that a file uses for an imported package. It returns "" if the file
// does not import the package.
func importName(file *ast.File, imported, usual string) string {
	for _, spec := range file.Imports {
		switch {
		case spec.Path.Value != `"`+imported+`"`:
		case spec.Name != nil:
			return spec.Name.Name
		default:
			return usual
		}
	}
	return ""
}

// directImports returns the direct imports of each package of the root module, keyed by directory.
// Each import path maps to a file that has the import. Test files are ignored.
func directImports(t *testing.T) map[string]map[string]string {
	t.Helper()
	direct := map[string]map[string]string{}
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		if direct[f.dir()] == nil {
			direct[f.dir()] = map[string]string{}
		}
		for _, imported := range f.imports() {
			direct[f.dir()][imported] = f.path
		}
	}
	return direct
}

// allImports returns the direct imports of a package and its indirect imports through packages of
// this module.
func allImports(direct map[string]map[string]string, pkg string) map[string]string {
	all := map[string]string{}
	var add func(pkg string)
	add = func(pkg string) {
		for imported, file := range direct[pkg] {
			if _, known := all[imported]; known {
				continue
			}
			all[imported] = file
			if own, ok := strings.CutPrefix(imported, module+"/"); ok {
				add(own)
			}
		}
	}
	add(pkg)
	return all
}

// isStd reports whether an import path is in the standard library: its first element has no dot.
func isStd(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}
