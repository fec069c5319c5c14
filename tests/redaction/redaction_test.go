// Package redaction_test prints a value of every exported type that can hold a secret, in every way
// that a program may print it. The secrets in these values are marked, and the output must not
// contain the mark.
package redaction_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	root = "../.."
	// mark is part of every secret in the printed values.
	mark = "S3CRET"
)

// TestNoSecretIsPrinted prints the values by pointer, by value and inside other values.
func TestNoSecretIsPrinted(t *testing.T) {
	for name, fill := range secretTypes {
		t.Run(name, func(t *testing.T) {
			for _, pointer := range fill(t) {
				requireRedacted(t, pointer)
				if v := reflect.ValueOf(pointer); v.Type().Elem().PkgPath() != "" && ast.IsExported(v.Type().Elem().Name()) {
					requireRedacted(t, v.Elem().Interface())
				}
				requireRedacted(t, []any{pointer})
				requireRedacted(t, map[string]any{"x": pointer})
			}
		})
	}
}

func requireRedacted(t *testing.T, v any) {
	t.Helper()
	check := func(how, text string) {
		t.Helper()
		for _, form := range []string{mark, fmt.Sprintf("%x", mark), fmt.Sprintf("%X", mark), strings.Trim(fmt.Sprint([]byte(mark)), "[]")} {
			if strings.Contains(text, form) {
				t.Errorf("%T printed by %s contains a secret: %s", v, how, text)
			}
		}
		if text == "" {
			t.Errorf("%T printed by %s is empty", v, how)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		check(verb, fmt.Sprintf(verb, v))
	}
	if data, err := json.Marshal(v); err == nil {
		check("json.Marshal", string(data))
	} else {
		check("json.Marshal", err.Error())
	}
	var out bytes.Buffer
	for name, handler := range map[string]slog.Handler{
		"slog text": slog.NewTextHandler(&out, nil), "slog JSON": slog.NewJSONHandler(&out, nil),
	} {
		out.Reset()
		slog.New(handler).With("with", v).Info("message", "attr", v, slog.Group("group", "in", v))
		check(name, out.String())
	}
}

// TestEveryExportedTypeIsKnown fails if an exported type has no entry, or if an entry names a type
// that does not exist.
func TestEveryExportedTypeIsKnown(t *testing.T) {
	found := exportedTypes(t)
	for _, name := range found {
		_, printed := secretTypes[name]
		_, harmless := harmlessTypes[name]
		switch {
		case printed && harmless:
			t.Errorf("%s is in both secretTypes and harmlessTypes", name)
		case !printed && !harmless:
			t.Errorf("%s has no entry: add a value with secrets to secretTypes, or the reason why it has none to harmlessTypes", name)
		}
	}
	for name := range secretTypes {
		if dir, _, _ := strings.Cut(name, " "); dir == name && !slices.Contains(found, name) {
			t.Errorf("secretTypes names %s, which does not exist", name)
		}
	}
	for name, reason := range harmlessTypes {
		if !slices.Contains(found, name) {
			t.Errorf("harmlessTypes names %s, which does not exist", name)
		}
		if reason == "" {
			t.Errorf("harmlessTypes has no reason for %s", name)
		}
	}
}

// exportedTypes returns the exported struct types of the packages that users import, as
// "directory.Name".
func exportedTypes(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, top := range []string{"mcpclient", "oauth", "streamablehttp", "transport"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			dir, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			for _, name := range structTypes(file) {
				names = append(names, filepath.ToSlash(dir)+"."+name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(names) < 80 {
		t.Fatalf("found only %d types: was a package moved?", len(names))
	}
	return names
}

// structTypes returns the names of the exported types of a file that can hold a user's value. It
// skips aliases, functions, interfaces and basic types.
func structTypes(file *ast.File) []string {
	var names []string
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			spec, ok := spec.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() || spec.Assign.IsValid() {
				continue
			}
			switch spec.Type.(type) {
			case *ast.FuncType, *ast.InterfaceType, *ast.Ident:
			default:
				names = append(names, spec.Name.Name)
			}
		}
	}
	return names
}
