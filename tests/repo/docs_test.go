package repo_test

import (
	"fmt"
	"go/ast"
	"testing"
)

// Every exported name of a library package has a doc comment, including fields and interface
// methods. A comment covers all members below it up to the next empty line. The comment of a type
// also covers its members up to the first empty line.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range goFiles(t) {
		if !f.isLibrary() {
			continue
		}
		for _, decl := range f.ast.Decls {
			for _, missing := range undocumented(f, decl) {
				t.Errorf("%s:%d: exported %s has no comment", f.path, f.line(missing.Pos()), missing.Name)
			}
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range goFiles(t) {
		if !f.isTest() {
			documented[f.dir()] = documented[f.dir()] || f.ast.Doc != nil
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

// undocumented returns the exported names in a declaration that have no doc comment.
func undocumented(f *goFile, decl ast.Decl) []*ast.Ident {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Name.IsExported() && decl.Doc == nil && exportedReceiver(decl) {
			return []*ast.Ident{decl.Name}
		}
	case *ast.GenDecl:
		var missing []*ast.Ident
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				missing = append(missing, undocumentedType(f, spec, decl.Doc)...)
			case *ast.ValueSpec:
				// A comment above the block covers all its names.
				if spec.Doc == nil && spec.Comment == nil && decl.Doc == nil {
					missing = append(missing, exported(spec.Names)...)
				}
			}
		}
		return missing
	}
	return nil
}

func undocumentedType(f *goFile, spec *ast.TypeSpec, groupDoc *ast.CommentGroup) []*ast.Ident {
	if !spec.Name.IsExported() {
		return nil
	}
	var missing []*ast.Ident
	if spec.Doc == nil && groupDoc == nil {
		missing = append(missing, spec.Name)
	}
	var members *ast.FieldList
	switch definition := spec.Type.(type) {
	case *ast.StructType:
		members = definition.Fields
	case *ast.InterfaceType:
		members = definition.Methods
	default:
		return missing
	}
	spokenOf := members.Opening // end of the lines that a comment covers
	for _, member := range members.List {
		if member.Doc == nil && member.Comment == nil && f.line(member.Pos()) > f.line(spokenOf)+1 {
			missing = append(missing, exported(member.Names)...)
			continue
		}
		spokenOf = member.End()
	}
	return missing
}

// exportedReceiver reports whether fn is a function or a method of an exported type.
func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	name := receiverType(fn.Recv.List[0].Type)
	return name != nil && name.IsExported()
}

func receiverType(expr ast.Expr) *ast.Ident {
	switch expr := expr.(type) {
	case *ast.Ident:
		return expr
	case *ast.StarExpr:
		return receiverType(expr.X)
	case *ast.IndexExpr: // a generic type
		return receiverType(expr.X)
	case *ast.IndexListExpr:
		return receiverType(expr.X)
	default:
		panic(fmt.Sprintf("receiver of type %T", expr))
	}
}

func exported(names []*ast.Ident) []*ast.Ident {
	var result []*ast.Ident
	for _, name := range names {
		if name.IsExported() {
			result = append(result, name)
		}
	}
	return result
}
