package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

var (
	errNumber = fmt.Errorf("a number has more than %d characters, or an exponent beyond %d", MaxNumber, MaxExponent)
	errValues = errors.New("the value has too many values inside")
)

// reader builds the tree that the library works on: map[string]any, []any, string, bool, nil, and
// json.Number, which keeps every digit.
type reader struct {
	jsonrpc.Cursor
	extent
	limit int
}

// extent is the size of a JSON value.
type extent struct {
	values int // number of values, including the value itself
	depth  int // depth of the deepest value
}

// decode reads one JSON text with at most limit values. It returns the decoded value and its size.
// If an object has duplicate names, the last member counts.
func decode(data []byte, limit int) (value any, size extent, err error) {
	r := reader{Cursor: jsonrpc.NewCursor(data, MaxDepth), limit: limit}
	value = r.value(0)
	r.End()
	return value, r.extent, r.Err()
}

func (r *reader) value(depth int) any {
	r.depth = max(r.depth, depth)
	if r.values++; r.values > r.limit {
		r.Fail(errValues)
		return nil
	}
	switch r.Kind() {
	case jsonrpc.Object:
		object := map[string]any{}
		r.EnterObject()
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			name := string(key)
			object[name] = r.value(depth + 1)
		}
		return object
	case jsonrpc.Array:
		array := []any{}
		r.EnterArray()
		for r.NextElement() {
			array = append(array, r.value(depth+1))
		}
		return array
	case jsonrpc.String:
		return r.String()
	case jsonrpc.Bool:
		return r.Bool()
	case jsonrpc.Number:
		text := string(r.Skip())
		if r.Err() == nil && !cheap(text) {
			r.Fail(errNumber)
		}
		return json.Number(text)
	default:
		r.Skip() // null, or an error
		return nil
	}
}

// cheap reports whether exact computation with a number is cheap.
func cheap(number string) bool {
	if len(number) > MaxNumber {
		return false
	}
	e := strings.IndexAny(number, "eE")
	if e < 0 {
		return true
	}
	exponent, err := strconv.Atoi(number[e+1:])
	return err == nil && exponent <= MaxExponent && exponent >= -MaxExponent
}

// canonical appends a canonical text of value. Two values have the same text if and only if JSON
// Schema treats them as equal, like 1, 1.0 and 10e-1.
func canonical(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, 'n')
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return strconv.AppendQuote(b, v)
	case json.Number:
		return canonicalNumber(b, string(v))
	case []any:
		b = append(b, '[')
		for _, item := range v {
			b = append(canonical(b, item), ',')
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for _, key := range sortedKeys(v) {
			b = append(strconv.AppendQuote(b, key), ':')
			b = append(canonical(b, v[key]), ',')
		}
		return append(b, '}')
	default:
		panic("schema: the value was not made by decode")
	}
}

// canonicalNumber writes a number as its significant digits and the power of ten of the last digit.
func canonicalNumber(b []byte, number string) []byte {
	negative, significant, exponent := scientific(number)
	if significant == "" {
		return append(b, '0')
	}
	if negative {
		b = append(b, '-')
	}
	b = append(b, significant...)
	return strconv.AppendInt(append(b, 'e'), int64(exponent), 10)
}

// whole reports whether a number is an integer. 1.0 and 10e-1 are integers.
func whole(number string) bool {
	_, significant, exponent := scientific(number)
	return significant == "" || exponent >= 0
}

// scientific splits a number into its significant digits and the power of ten of the last digit.
// Zero has no significant digits.
func scientific(number string) (negative bool, significant string, exponent int) {
	digits := number
	if e := strings.IndexAny(number, "eE"); e >= 0 {
		digits = number[:e]
		exponent, _ = strconv.Atoi(number[e+1:]) // cheap has checked it
	}
	negative = strings.HasPrefix(digits, "-")
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(digits, "-"), ".")
	exponent -= len(fraction)
	digits = strings.TrimLeft(whole+fraction, "0")
	significant = strings.TrimRight(digits, "0")
	return negative, significant, exponent + len(digits) - len(significant)
}
