package repo_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// importRule says what the code of a package, without its tests, may import,
// also through other packages of this module.
type importRule struct {
	why      string
	onlyStd  bool     // nothing of this module, nothing of others
	only     []string // if there are any: these and the standard library, by import path
	never    []string // packages, of the standard library too
	neverOwn []string // packages of this module, by directory
}

// importRules has one entry for each package that DESIGN.md, "Import rules" speaks of.
var importRules = map[string]importRule{
	"transport": {
		why:  "whoever implements the seam must not need more than net/http",
		only: []string{module + "/internal/redact"},
	},
	"transport/transporttest": {
		why:      "anyone can run the contract on their own RoundTripper",
		neverOwn: []string{"transport/executor", "streamablehttp", "oauth", "mcpclient"},
		never:    []string{"github.com/stretchr/testify/require", "github.com/stretchr/testify/assert"},
	},
	"streamablehttp": {
		why:      "MCP over HTTP works on any RoundTripper, authorized or not",
		neverOwn: []string{"oauth", "transport/executor", "mcpclient"},
	},
	"oauth": {
		why:      "authorization decorates the seam and knows nothing of MCP above it",
		neverOwn: []string{"streamablehttp", "transport/executor", "mcpclient"},
	},
	"internal/execproto": {
		why:   "the executor's messages are bytes and values; what carries them and what they do is not its business",
		only:  []string{module + "/internal/jsonrpc", "github.com/segmentio/asm/base64"},
		never: []string{"net", "net/http"},
	},
	"internal/wire": {
		why:  "decoders turn bytes into the types of package mcp; what a session does with those is not its business",
		only: []string{module + "/internal/jsonrpc", "github.com/mark3labs/mcp-go/mcp"},
	},
	"internal/link": {
		why:  "a link carries messages and does not know what is in them",
		only: []string{"github.com/gorilla/websocket"},
	},
	"internal/jsonrpc":   parserRule,
	"internal/sse":       parserRule,
	"internal/challenge": parserRule,
	"internal/httpstatus": {
		why:     "oauth and executors classify statuses too, and must not need streamablehttp for it",
		onlyStd: true,
	},
	"internal/redact": {
		why:     "every package that holds a secret uses it, the seam too",
		onlyStd: true,
	},
	"internal/netclass": {
		why:     "what an address is does not depend on who asks, and the dialer of the seam must be able to ask",
		onlyStd: true,
	},
	"internal/schema": {
		why: "it validates bytes against bytes, and nothing it imports may load a schema from anywhere",
		only: []string{
			module + "/internal/jsonrpc",
			"github.com/santhosh-tekuri/jsonschema/v6", "github.com/santhosh-tekuri/jsonschema/v6/kind",
		},
		never: []string{"net/http", "os"},
	},
}

var parserRule = importRule{
	why:      "a parser turns bytes into values; where they come from and what they mean is not its business",
	neverOwn: []string{"internal/jsonrpc", "internal/sse", "internal/challenge"},
	never:    []string{"net/http"},
}

func TestImportRules(t *testing.T) {
	direct := directImports(t)
	for pkg, rule := range importRules {
		if direct[pkg] == nil {
			t.Errorf("%s has a rule but no files: is it called otherwise now?", pkg)
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
		if f.isLibrary() && f.dir() != "mcpclient" && slices.Contains(f.imports(), module+"/mcpclient") {
			t.Errorf("%s imports mcpclient, which is above every other package", f.path)
		}
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

// The default client and transport belong to the program: what a library does to
// them, or takes from them, every other library gets. http.Get and its like use them.
func TestNobodyTouchesTheDefaultClient(t *testing.T) {
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

// importName returns the name by which a file knows an imported package, or ""
// if it does not import it.
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

// directImports returns for each package of the root module, by directory, what
// its files without the tests import, and in which file.
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

// allImports adds what the packages of this module in turn import.
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

// isStd tells whether an import path is the standard library's: its first
// element holds no dot.
func isStd(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}
