package repo_test

import (
	"bufio"
	"bytes"
	"cmp"
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A phrase is wording that a reader has to read twice.
type phrase struct {
	found   *regexp.Regexp
	instead string
	example string
}

// phrases reads testdata/phrases.txt. Each line has the form "pattern => replacement <= example",
// where the pattern matches the example.
func phrases(t *testing.T) []phrase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "phrases.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var list []phrase
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		pattern, rest, ok := strings.Cut(line, " => ")
		instead, example, ok2 := strings.Cut(rest, " <= ")
		if !ok || !ok2 {
			t.Fatalf("testdata/phrases.txt: no \" => \" and \" <= \" in %q", line)
		}
		list = append(list, phrase{regexp.MustCompile(`(?i)` + pattern), instead, example})
	}
	return list
}

// Comments, strings and documents contain none of the phrases in testdata/phrases.txt.
func TestPhrases(t *testing.T) {
	list := phrases(t)
	for _, text := range prose(t) {
		for _, p := range list {
			if at := p.found.FindString(text.words); at != "" {
				t.Errorf("%s:%d: %q: %s", text.path, text.line, strings.TrimSpace(at), p.instead)
			}
		}
	}
}

// Each pattern matches its example. This detects typing errors in patterns.
func TestPhrasesAreFound(t *testing.T) {
	for _, p := range phrases(t) {
		if !p.found.MatchString(p.example) {
			t.Errorf("%v does not match %q", p.found, p.example)
		}
	}
}

// A passage is a comment, a string or a paragraph. Its lines are joined.
type passage struct {
	path  string
	line  int
	words string
}

func prose(t *testing.T) []passage {
	t.Helper()
	var all []passage
	for _, f := range goFiles(t) {
		all = append(all, goProse(f)...)
	}
	for _, name := range allFiles(t) {
		if path.Ext(name) == ".md" {
			all = append(all, markdownProse(t, name)...)
		}
	}
	slices.SortFunc(all, func(a, b passage) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.line, b.line))
	})
	return all
}

func goProse(f *goFile) []passage {
	var all []passage
	for _, group := range f.ast.Comments {
		all = append(all, passage{f.path, f.line(group.Pos()), joined(group.Text())})
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				if s, err := strconv.Unquote(n.Value); err == nil {
					all = append(all, passage{f.path, f.line(n.Pos()), joined(s)})
				}
			}
		case *ast.FuncDecl:
			if strings.HasPrefix(n.Name.Name, "Test") {
				all = append(all, passage{f.path, f.line(n.Pos()), camel.ReplaceAllString(n.Name.Name, "$1 $2")})
			}
		}
		return true
	})
	return all
}

var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// markdownProse returns the headings, paragraphs, list items and table rows of a file, but not its
// code blocks.
func markdownProse(t *testing.T, name string) []passage {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	var (
		all       []passage
		paragraph []string
		start     int
		code      bool
	)
	end := func() {
		if len(paragraph) > 0 {
			all = append(all, passage{name, start, joined(strings.Join(paragraph, " "))})
		}
		paragraph = nil
	}
	for i, line := range strings.Split(string(data), "\n") {
		trimmed := strings.TrimSpace(line)
		fence := strings.HasPrefix(trimmed, "```")
		if fence {
			code = !code
		}
		if fence || code || trimmed == "" || strings.ContainsAny(trimmed[:1], "#|*-") {
			end()
		}
		if fence || code || trimmed == "" {
			continue
		}
		if len(paragraph) == 0 {
			start = i + 1
		}
		paragraph = append(paragraph, trimmed)
	}
	end()
	return all
}

func joined(text string) string { return strings.Join(strings.Fields(text), " ") }
