package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"
)

// total is the map key of the sum over all packages. No package has this name.
const total = "total"

// figures holds the figures of one package, or of all packages together.
type figures struct {
	files, lines int
	names        int   // exported: top-level names, and methods of exported types
	functions    []int // their lengths in lines, from "func" to the closing brace
	longestLines int
	longestFile  string
}

// count returns the figures of each package, keyed by directory, and their sum under the key total.
func count(files map[string][]byte) (map[string]figures, error) {
	result := map[string]figures{}
	for name, src := range files {
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, name, src, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if file.Name.Name == "main" {
			continue
		}
		one := countFile(positions, file, bytes.Count(src, []byte("\n")))
		one.longestFile = name
		for _, key := range []string{path.Dir(name), total} {
			sum := result[key]
			sum.add(one)
			result[key] = sum
		}
	}
	return result, nil
}

func countFile(positions *token.FileSet, file *ast.File, lines int) figures {
	f := figures{files: 1, lines: lines, longestLines: lines}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			first, last := positions.Position(decl.Pos()).Line, positions.Position(decl.End()).Line
			f.functions = append(f.functions, last-first+1)
			if isExportedFunc(decl) {
				f.names++
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				f.names += exportedNames(spec)
			}
		}
	}
	return f
}

func (f *figures) add(other figures) {
	f.files += other.files
	f.lines += other.lines
	f.names += other.names
	f.functions = append(f.functions, other.functions...)
	if other.longestLines > f.longestLines || other.longestLines == f.longestLines && other.longestFile < f.longestFile {
		f.longestLines, f.longestFile = other.longestLines, other.longestFile
	}
}

func exportedNames(spec ast.Spec) int {
	names := 0
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() {
			names++
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() {
				names++
			}
		}
	}
	return names
}

// isExportedFunc reports whether a function counts as an exported name. A method counts if its type
// is exported and it does more than satisfy a well-known interface.
func isExportedFunc(fn *ast.FuncDecl) bool {
	if !fn.Name.IsExported() {
		return false
	}
	if fn.Recv == nil {
		return true
	}
	name := fn.Name.Name
	switch name {
	case "String", "GoString", "Error", "Unwrap", "Format", "LogValue":
		return false
	}
	return !strings.HasPrefix(name, "Marshal") && !strings.HasPrefix(name, "Unmarshal") && isExportedReceiver(fn.Recv.List[0].Type)
}

func isExportedReceiver(expr ast.Expr) bool {
	switch expr := expr.(type) {
	case *ast.Ident:
		return expr.IsExported()
	case *ast.StarExpr:
		return isExportedReceiver(expr.X)
	case *ast.IndexExpr: // of a generic type
		return isExportedReceiver(expr.X)
	case *ast.IndexListExpr:
		return isExportedReceiver(expr.X)
	default:
		return false
	}
}
