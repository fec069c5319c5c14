package repo_test

import (
	"bytes"
	"go/ast"
	"strings"
	"testing"
)

const (
	maxFileLines     = 500
	maxFuncLines     = 60
	maxExemptLines   = 100           // limit for a function with an exemption
	exemptionComment = "//sizes:ok " // stands in the function's doc comment, followed by the reason
)

func TestFileSizes(t *testing.T) {
	for _, f := range goFiles(t) {
		if lines := bytes.Count(f.src, []byte("\n")); lines > maxFileLines {
			t.Errorf("%s has %d lines, limit %d", f.path, lines, maxFileLines)
		}
	}
}

func TestFunctionSizes(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := f.line(fn.End()) - f.line(fn.Pos()) + 1
			exempt, reason := exemption(fn.Doc)
			switch {
			case exempt && reason == "":
				t.Errorf("%s: %s: an exemption needs a reason", f.path, fn.Name.Name)
			case exempt && lines <= maxFuncLines:
				t.Errorf("%s: %s has %d lines and needs no exemption", f.path, fn.Name.Name, lines)
			case exempt && lines > maxExemptLines, !exempt && lines > maxFuncLines:
				t.Errorf("%s: %s has %d lines, limit %d, for a parser with a reason (%q) %d",
					f.path, fn.Name.Name, lines, maxFuncLines, exemptionComment, maxExemptLines)
			}
		}
	}
}

// exemption reports whether a doc comment exempts its function from the usual length limit, and
// returns the reason.
func exemption(doc *ast.CommentGroup) (exempt bool, reason string) {
	if doc == nil {
		return false, ""
	}
	for _, comment := range doc.List {
		if reason, ok := strings.CutPrefix(comment.Text+" ", exemptionComment); ok {
			return true, strings.TrimSpace(reason)
		}
	}
	return false, ""
}
