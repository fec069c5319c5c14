package repo_test

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// go doc shows only one line for an alias, so the alias's doc comment must name the fields and
// methods of the target type.
func TestAliasesListTheirMembers(t *testing.T) {
	found := 0
	for _, f := range goFiles(t) {
		if !f.isLibrary() {
			continue
		}
		for spec, doc := range typeSpecs(f) {
			target, isSelector := spec.Type.(*ast.SelectorExpr)
			if !spec.Assign.IsValid() || !isSelector || !spec.Name.IsExported() {
				continue
			}
			dir, own := importedDir(f, target)
			if !own {
				continue
			}
			found++
			for _, member := range members(t, dir, target.Sel.Name) {
				if !regexp.MustCompile(`\b` + member + `\b`).MatchString(doc.Text()) {
					t.Errorf("%s: the comment of %s does not name %s", f.path, spec.Name.Name, member)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no alias found")
	}
}

// typeSpecs yields the type declarations of a file with their comments.
func typeSpecs(f *goFile) func(yield func(*ast.TypeSpec, *ast.CommentGroup) bool) {
	return func(yield func(*ast.TypeSpec, *ast.CommentGroup) bool) {
		for _, decl := range f.ast.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok {
					doc := spec.Doc
					if doc == nil {
						doc = group.Doc
					}
					if !yield(spec, doc) {
						return
					}
				}
			}
		}
	}
}

// importedDir returns the directory of the package of this module that a selector refers to.
func importedDir(f *goFile, selector *ast.SelectorExpr) (dir string, own bool) {
	name, ok := selector.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	for _, imported := range f.imports() {
		if dir, own := strings.CutPrefix(imported, module+"/"); own && importName(f.ast, imported, imported[strings.LastIndex(imported, "/")+1:]) == name.Name {
			return dir, true
		}
	}
	return "", false
}

// members returns the exported fields and methods of a type, without Error and Unwrap.
func members(t *testing.T, dir, typeName string) []string {
	t.Helper()
	var names []*ast.Ident
	for _, f := range goFiles(t) {
		if f.dir() != dir || f.isTest() {
			continue
		}
		for spec := range typeSpecs(f) {
			if spec.Name.Name != typeName {
				continue
			}
			switch definition := spec.Type.(type) {
			case *ast.StructType:
				for _, field := range definition.Fields.List {
					names = append(names, field.Names...)
				}
			case *ast.InterfaceType:
				for _, method := range definition.Methods.List {
					names = append(names, method.Names...)
				}
			}
		}
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv != nil && receiverType(fn.Recv.List[0].Type).Name == typeName {
				names = append(names, fn.Name)
			}
		}
	}
	if names == nil {
		t.Errorf("%s.%s has no members", dir, typeName)
	}
	var result []string
	for _, name := range exported(names) {
		if !slices.Contains([]string{"Error", "Unwrap"}, name.Name) {
			result = append(result, name.Name)
		}
	}
	return result
}
