package mcpconfig

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"unicode/utf8"
)

const (
	maxFile   = 4 << 20 // bytes of a file
	maxDepth  = 64      // nesting of objects and arrays
	maxValues = 100_000 // values of a file or map
)

// value is a JSON value and where it stands. Its data is nil, a bool, a string, a json.Number, a
// []value or an *object.
type value struct {
	data any
	line int // 0 if unknown
}

// object is a JSON object. Its members are in the order of the file, and keys may occur twice.
type object struct{ members []member }

type member struct {
	key   string
	value value
}

// get returns the first member with exactly this key. A null counts as absent.
func (o *object) get(key string) (value, bool) {
	for _, m := range o.members {
		if m.key == key {
			return m.value, m.value.data != nil
		}
	}
	return value{}, false
}

// kind names the type of a value for an error.
func (v value) kind() string {
	switch v.data.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case []value:
		return "an array"
	default:
		return "an object"
	}
}

// isEmpty reports whether a value is null, false, an empty string, array or object.
func (v value) isEmpty() bool {
	switch data := v.data.(type) {
	case nil:
		return true
	case bool:
		return !data
	case string:
		return data == ""
	case []value:
		return len(data) == 0
	case *object:
		return len(data.members) == 0
	default:
		return false
	}
}

// parse reads a JSONC text. Its errors have positions.
func parse(file string, text []byte) (value, error) {
	fail := func(at int, err error) (value, error) {
		line, column := position(text, at)
		return value{}, &FileError{File: file, Line: line, Column: column, Err: err}
	}
	if len(text) > maxFile {
		return value{}, &FileError{File: file, Err: errFileSize}
	}
	if at := invalidUTF8(text); at >= 0 {
		return fail(at, errors.New("not UTF-8: save the file in this encoding"))
	}
	plain, at, err := blank(text)
	if err != nil {
		return fail(at, err)
	}
	// RawMessage keeps the text, so this only checks the syntax.
	if err := json.Unmarshal(plain, new(json.RawMessage)); err != nil {
		at := len(text)
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			at = int(syntax.Offset) - 1 // the offset counts the refused byte
		}
		if len(bytes.TrimSpace(plain)) == 0 {
			err = errors.New("the file is empty: expected a JSON object")
		}
		return fail(min(max(at, 0), len(text)), err)
	}
	r := reader{dec: json.NewDecoder(bytes.NewReader(plain)), text: plain, line: 1}
	r.dec.UseNumber()
	v, err := r.next(0)
	if err != nil {
		return fail(r.at, err)
	}
	return v, nil
}

var (
	errFileSize = fmt.Errorf("larger than %d MiB, the limit", maxFile>>20)
	errDepth    = fmt.Errorf("nested deeper than %d levels, the limit", maxDepth)
	errValues   = fmt.Errorf("more than %d values, the limit", maxValues)
)

// reader converts the tokens of a valid JSON text to values with lines.
type reader struct {
	dec    *json.Decoder
	text   []byte
	at     int // end of the last token
	line   int // its line
	values int
}

// token returns the next token and counts lines up to its end. No token has more than one line.
func (r *reader) token() (json.Token, error) {
	token, err := r.dec.Token()
	end := int(r.dec.InputOffset())
	r.line += bytes.Count(r.text[r.at:end], []byte("\n"))
	r.at = end
	return token, err
}

func (r *reader) next(depth int) (value, error) {
	token, err := r.token()
	if err != nil {
		return value{}, err
	}
	v := value{token, r.line}
	if r.values++; r.values > maxValues {
		return v, errValues
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return v, nil
	}
	if depth == maxDepth {
		return v, errDepth
	}
	var list []value
	o := &object{}
	for r.dec.More() {
		m := member{}
		if delim == '{' {
			if token, err = r.token(); err != nil {
				return v, err
			}
			m.key, _ = token.(string)
		}
		line := r.line
		if m.value, err = r.next(depth + 1); err != nil {
			return v, err
		}
		if delim == '{' {
			m.value.line = line // that of the key
			o.members = append(o.members, m)
		} else {
			list = append(list, m.value)
		}
	}
	if v.data = list; delim == '{' {
		v.data = o
	}
	_, err = r.token() // the closing bracket
	return v, err
}

// position returns the line and the column of an offset. Both count from 1; columns count bytes.
func position(text []byte, at int) (line, column int) {
	before := text[:min(at, len(text))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or −1.
func invalidUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}

// fromGo converts what a TOML, YAML or JSON decoder returned. values counts all values.
func fromGo(v reflect.Value, depth int, values *int) (value, error) {
	if *values++; *values > maxValues {
		return value{}, errValues
	}
	switch v.Kind() {
	case reflect.Invalid:
		return value{}, nil
	case reflect.Interface, reflect.Pointer:
		if depth == maxDepth {
			return value{}, errDepth
		}
		return fromGo(v.Elem(), depth+1, values)
	case reflect.Bool:
		return value{data: v.Bool()}, nil
	case reflect.String:
		if v.Type() == reflect.TypeFor[json.Number]() {
			return value{data: json.Number(v.String())}, nil
		}
		return value{data: v.String()}, nil
	case reflect.Map, reflect.Slice, reflect.Array:
		if depth == maxDepth {
			return value{}, errDepth
		}
		if v.Kind() == reflect.Map {
			return fromMap(v, depth, values)
		}
		list := []value{}
		for i := range v.Len() {
			item, err := fromGo(v.Index(i), depth+1, values)
			if err != nil {
				return value{}, err
			}
			list = append(list, item)
		}
		return value{data: list}, nil
	default:
		if v.CanInt() || v.CanUint() || v.CanFloat() {
			return value{data: json.Number(fmt.Sprint(v.Interface()))}, nil
		}
		return value{data: unknownType{}}, nil // such as a time of TOML
	}
}

// unknownType stands for a Go value that no setting has.
type unknownType struct{}

func fromMap(v reflect.Value, depth int, values *int) (value, error) {
	o := &object{}
	for _, key := range v.MapKeys() {
		name := key
		if name.Kind() == reflect.Interface {
			name = name.Elem() // map[any]any, of YAML
		}
		if name.Kind() != reflect.String {
			return value{}, fmt.Errorf("a key of a map is of type %v: expected string", name.Kind())
		}
		item, err := fromGo(v.MapIndex(key), depth+1, values)
		if err != nil {
			return value{}, err
		}
		o.members = append(o.members, member{name.String(), item})
	}
	slices.SortFunc(o.members, func(a, b member) int { return cmp.Compare(a.key, b.key) })
	return value{data: o}, nil
}

// readAll reads at most one byte more than a file may have.
func readAll(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, maxFile+1)) }
