// Package mirror finds the tool arguments that are mirrored into HTTP headers, and computes the
// header values (2026-07-28, "Custom Headers from Tool Parameters").
package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// Param is one x-mcp-header annotation: the argument at Path is mirrored into the header
// Mcp-Param-Name.
type Param struct {
	Path []string
	Name string
}

const annotation = "x-mcp-header"

var (
	errUnreachable = errors.New(annotation + ` is only allowed on properties reachable through "properties"`)
	errHeaderName  = errors.New("is not an HTTP token")
	errValue       = errors.New("only a string, an integer within ±(2^53-1) or a boolean can be sent in a header")
)

// Params returns the annotations of an input schema. An annotation is valid on a property of type
// string, integer or boolean that is reachable through "properties" alone. An invalid annotation is
// an error and makes the tool invalid.
func Params(schema []byte) ([]Param, error) {
	if !bytes.Contains(schema, []byte(annotation)) && !bytes.Contains(schema, []byte(`\u`)) {
		return nil, nil
	}
	s := scan{names: make(map[string]bool)}
	cur := jsonrpc.NewCursor(schema, 0)
	s.schema(&cur, nil, true)
	if err := cur.Err(); err != nil {
		return nil, err
	}
	return s.found, nil
}

type scan struct {
	found []Param
	names map[string]bool // in lower case
}

// schema reads one schema. reachable says whether it was reached through "properties" alone.
func (s *scan) schema(cur *jsonrpc.Cursor, path []string, reachable bool) {
	if cur.Kind() != jsonrpc.Object {
		s.elsewhere(cur)
		return
	}
	var (
		kind, name string
		annotated  bool
	)
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		switch {
		case string(key) == annotation:
			annotated = true
			if cur.Kind() != jsonrpc.String {
				cur.Fail(fmt.Errorf("%s of %s: expected a string, got %v", annotation, quote(path), cur.Kind()))
				return
			}
			name = cur.String()
		case string(key) == "type" && cur.Kind() == jsonrpc.String:
			kind = cur.String()
		case string(key) == "properties" && reachable && cur.Kind() == jsonrpc.Object:
			s.properties(cur, path)
		case isData(string(key)):
			cur.Skip()
		default:
			s.forbidden(cur, namesSchemas(string(key)))
		}
	}
	if annotated && cur.Err() == nil {
		s.take(cur, path, name, kind, reachable)
	}
}

// properties reads the members of "properties"; each value is a schema.
func (s *scan) properties(cur *jsonrpc.Cursor, path []string) {
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		s.schema(cur, slices.Concat(path, []string{string(key)}), true)
	}
}

// elsewhere reads a value in which annotations are not allowed: below "items", "anyOf", "$defs" and
// similar keywords.
func (s *scan) elsewhere(cur *jsonrpc.Cursor) { s.forbidden(cur, false) }

// forbidden reads a value in which annotations are not allowed. named says that the value is a map
// from names to schemas: its member names are then not keywords.
func (s *scan) forbidden(cur *jsonrpc.Cursor, named bool) {
	switch cur.Kind() {
	case jsonrpc.Object:
		cur.EnterObject()
		for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
			switch {
			case named:
				s.forbidden(cur, false)
			case string(key) == annotation && cur.Kind() == jsonrpc.String:
				cur.Fail(errUnreachable)
				return
			case isData(string(key)):
				cur.Skip()
			default:
				s.forbidden(cur, namesSchemas(string(key)))
			}
		}
	case jsonrpc.Array:
		cur.EnterArray()
		for cur.NextElement() {
			s.forbidden(cur, false)
		}
	default:
		cur.Skip()
	}
}

// namesSchemas reports whether a schema keyword holds schemas by name.
func namesSchemas(keyword string) bool {
	switch keyword {
	case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
		return true
	}
	return false
}

// isData reports whether a schema keyword holds plain values. Inside them, x-mcp-header is not an
// annotation.
func isData(keyword string) bool {
	switch keyword {
	case "default", "const", "enum", "examples":
		return true
	}
	return false
}

// take checks one annotation and adds it to the result.
func (s *scan) take(cur *jsonrpc.Cursor, path []string, name, kind string, reachable bool) {
	lower := strings.ToLower(name)
	switch {
	case !reachable || len(path) == 0:
		cur.Fail(errUnreachable)
	case !httprule.IsToken(name):
		cur.Fail(fmt.Errorf("%s %q of %s %w", annotation, name, quote(path), errHeaderName))
	case kind != "string" && kind != "integer" && kind != "boolean":
		cur.Fail(fmt.Errorf("%s of %s: expected a string, integer or boolean, got type %q", annotation, quote(path), kind))
	case s.names[lower]:
		cur.Fail(fmt.Errorf("duplicate %s %q", annotation, name))
	default:
		s.names[lower] = true
		s.found = append(s.found, Param{Path: path, Name: name})
	}
}

func quote(path []string) string { return strconv.Quote(strings.Join(path, ".")) }

// Headers returns the headers for the arguments of a call, a JSON object. Arguments that are absent
// or null have no header. If an argument cannot be sent in a header, the error names it.
func Headers(params []Param, args []byte) ([]streamablehttp.Param, error) {
	var headers []streamablehttp.Param
	for _, p := range params {
		value, there, err := argument(args, p.Path)
		if err != nil {
			return nil, fmt.Errorf("argument %s, mirrored into a header: %w", quote(p.Path), err)
		}
		if there {
			headers = append(headers, streamablehttp.Param{Name: p.Name, Value: value})
		}
	}
	return headers, nil
}

// maxSafeInteger bounds mirrored integers: ±(2⁵³−1).
const maxSafeInteger = 1<<53 - 1

// argument returns the argument at path as a header value.
func argument(args []byte, path []string) (text string, there bool, err error) {
	cur := jsonrpc.NewCursor(args, 0)
	for _, name := range path {
		if cur.Kind() != jsonrpc.Object {
			return "", false, nil
		}
		found := false
		cur.EnterObject()
		for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
			if string(key) == name {
				found = true
				break
			}
			cur.Skip()
		}
		if !found {
			return "", false, cur.Err()
		}
	}
	switch cur.Kind() {
	case jsonrpc.Null:
		return "", false, nil
	case jsonrpc.String:
		return cur.String(), true, cur.Err()
	case jsonrpc.Bool:
		return strconv.FormatBool(cur.Bool()), true, cur.Err()
	case jsonrpc.Number:
		n := cur.Int64()
		if cur.Err() != nil || n > maxSafeInteger || n < -maxSafeInteger {
			return "", false, errValue
		}
		return strconv.FormatInt(n, 10), true, nil
	default:
		return "", false, errValue
	}
}
