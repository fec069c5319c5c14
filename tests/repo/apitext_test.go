package repo_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// apiWriter collects the exported declarations of one package, one per line.
type apiWriter struct {
	pkg     *types.Package
	imports map[string]string // maps the name of each package in the API to its import path
	lines   map[string]bool
}

// apiText returns the exported API of a package as sorted lines. The imports that these lines use
// come first.
func apiText(pkg *types.Package) string {
	w := &apiWriter{pkg: pkg, imports: map[string]string{}, lines: map[string]bool{}}
	for _, name := range pkg.Scope().Names() {
		if object := pkg.Scope().Lookup(name); object.Exported() {
			w.object(object)
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.imports)) {
		fmt.Fprintf(&b, "import %s %q\n", name, w.imports[name])
	}
	b.WriteString("\n")
	for _, line := range slices.Sorted(maps.Keys(w.lines)) {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func (w *apiWriter) linef(format string, args ...any) {
	w.lines[fmt.Sprintf(format, args...)] = true
}

func (w *apiWriter) object(object types.Object) {
	switch object := object.(type) {
	case *types.Const:
		if object.Name() == "Version" { // each release changes it
			w.linef("const Version %s", w.text(object.Type()))
			return
		}
		w.linef("const %s %s = %s", object.Name(), w.text(object.Type()), object.Val().ExactString())
	case *types.Var:
		w.linef("var %s %s", object.Name(), w.text(object.Type()))
	case *types.Func:
		w.linef("func %s%s", object.Name(), w.signature(object.Signature()))
	case *types.TypeName:
		w.typeName(object)
	}
}

// typeName writes a type with its members. For an alias, it writes the members only if the target
// is in an internal package. Other targets are listed in the golden file of their own package.
func (w *apiWriter) typeName(object *types.TypeName) {
	name := object.Name()
	if object.IsAlias() {
		target := types.Unalias(object.Type())
		w.linef("type %s = %s", name, w.text(target))
		if named, ok := target.(*types.Named); ok && isInternal(named.Obj().Pkg()) {
			w.members(name, named)
		}
		return
	}
	named, ok := object.Type().(*types.Named)
	if !ok {
		panic(fmt.Sprintf("%s is neither an alias nor a named type: %T", name, object.Type()))
	}
	switch underlying := named.Underlying().(type) {
	case *types.Struct:
		w.linef("type %s%s struct", name, w.typeParams(named))
	case *types.Interface:
		w.linef("type %s%s interface", name, w.typeParams(named))
	default:
		w.linef("type %s%s %s", name, w.typeParams(named), w.text(underlying))
	}
	w.members(name, named)
}

func (w *apiWriter) members(name string, named *types.Named) {
	switch underlying := named.Underlying().(type) {
	case *types.Struct:
		w.fields(name+w.typeParams(named), underlying)
	case *types.Interface:
		w.interfaceMethods(name+w.typeParams(named), underlying)
		return
	}
	value := types.NewMethodSet(named)
	for selection := range types.NewMethodSet(types.NewPointer(named)).Methods() {
		method, ok := selection.Obj().(*types.Func)
		if !ok || !method.Exported() || w.isFromExportedField(named, selection) {
			continue
		}
		receiver := "*" + name
		if value.Lookup(method.Pkg(), method.Name()) != nil {
			receiver = name
		}
		w.linef("method (%s) %s%s", receiver, method.Name(), w.signature(method.Signature()))
	}
}

// fields writes the exported fields of a struct, including fields promoted from embedded structs of
// unexported types.
func (w *apiWriter) fields(name string, s *types.Struct) {
	for i := range s.NumFields() {
		field := s.Field(i)
		embedded, isStruct := structOf(field)
		switch {
		case field.Exported():
			kind := field.Name() + " "
			if field.Embedded() {
				kind = "embedded "
			}
			tag := s.Tag(i)
			if tag != "" {
				tag = " " + strconv.Quote(tag)
			}
			w.linef("type %s struct, %s%s%s", name, kind, w.text(field.Type()), tag)
		case field.Embedded() && isStruct:
			w.fields(name, embedded)
		default:
			w.linef("type %s struct, unexported fields", name)
		}
	}
}

func (w *apiWriter) interfaceMethods(name string, i *types.Interface) {
	for method := range i.Methods() {
		if method.Exported() {
			w.linef("type %s interface, %s%s", name, method.Name(), w.signature(method.Signature()))
		} else {
			w.linef("type %s interface, unexported methods", name)
		}
	}
}

// isFromExportedField reports whether a method is promoted from an exported embedded field. Such
// methods are not listed, because the field is.
func (w *apiWriter) isFromExportedField(named *types.Named, selection *types.Selection) bool {
	s, ok := named.Underlying().(*types.Struct)
	return ok && len(selection.Index()) > 1 && s.Field(selection.Index()[0]).Exported()
}

func (w *apiWriter) typeParams(named *types.Named) string {
	if named.TypeParams().Len() == 0 {
		return ""
	}
	var params []string
	for param := range named.TypeParams().TypeParams() {
		params = append(params, param.Obj().Name()+" "+w.text(param.Constraint()))
	}
	return "[" + strings.Join(params, ", ") + "]"
}

func (w *apiWriter) text(t types.Type) string { return types.TypeString(t, w.qualifier) }

// signature returns the type parameters, parameters and results of a function, without "func".
func (w *apiWriter) signature(s *types.Signature) string {
	return strings.TrimPrefix(w.text(s), "func")
}

// qualifier returns the name of a package for use in a type. The result is "" for the package being
// written, and the import path if two packages have the same name.
func (w *apiWriter) qualifier(pkg *types.Package) string {
	if pkg == w.pkg {
		return ""
	}
	known, ok := w.imports[pkg.Name()]
	if ok && known != pkg.Path() {
		return pkg.Path()
	}
	w.imports[pkg.Name()] = pkg.Path()
	return pkg.Name()
}

func structOf(field *types.Var) (*types.Struct, bool) {
	t := field.Type()
	if pointer, ok := t.Underlying().(*types.Pointer); ok {
		t = pointer.Elem()
	}
	s, ok := t.Underlying().(*types.Struct)
	return s, ok
}

func isInternal(pkg *types.Package) bool {
	return pkg != nil && slices.Contains(strings.Split(pkg.Path(), "/"), "internal")
}

const apiSource = `package p

import "io"

type Kind uint8

const (
	KindA Kind = iota + 1
	kindB
	Text    = "text"
	Version = "1.2.3"
)

type Named[T any] struct {
	io.Reader
	*hidden
	Value T ` + "`json:\"value\"`" + `
	other int
}

type hidden struct{ Field string }

func (hidden) Promoted()                {}
func (n *Named[T]) Do(v T, _ ...string) {}
func (k Kind) String() string           { return "" }
func (k Kind) private()                 {}

type Do interface {
	io.Closer
	do()
}

type Other = Kind

var Err error

func New[T any](r io.Reader) (*Named[T], error) { return nil, nil }
`

func TestAPIText(t *testing.T) {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, "p.go", apiSource, 0)
	require.NoError(t, err)
	config := types.Config{Importer: importer.ForCompiler(positions, "source", nil)}
	pkg, err := config.Check("p", positions, []*ast.File{file}, nil)
	require.NoError(t, err)
	require.Equal(t, `import io "io"

const KindA Kind = 1
const Text untyped string = "text"
const Version untyped string
func New[T any](r io.Reader) (*Named[T], error)
method (*Named) Do(v T, _ ...string)
method (Kind) String() string
method (Named) Promoted()
type Do interface
type Do interface, Close() error
type Do interface, unexported methods
type Kind uint8
type Named[T any] struct
type Named[T any] struct, Field string
type Named[T any] struct, Value T "json:\"value\""
type Named[T any] struct, embedded io.Reader
type Named[T any] struct, unexported fields
type Other = Kind
var Err error
`, apiText(pkg))
}
