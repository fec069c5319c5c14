// Package jsonvalue encodes the values that tool arguments usually consist of, without reflection.
package jsonvalue

import (
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxDepth is how deep a value may be nested. It keeps a map that contains itself from using up the
// stack.
const maxDepth = 64

// Append appends the encoding of v to b, exactly as [encoding/json.Marshal] encodes it: keys are
// sorted, and the characters <, >, &, U+2028 and U+2029 are escaped. It returns false if v, or a
// value in it, needs the encoder of encoding/json or cannot be encoded; b is then to be discarded.
//
// Append knows nil, bool, string, int, int32, int64, uint32, uint64, float64, []any, []string,
// map[string]any and map[string]string, and none of the types that are defined by them.
func Append(b []byte, v any) ([]byte, bool) { return appendValue(b, v, maxDepth) }

func appendValue(b []byte, v any, depth int) ([]byte, bool) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), true
	case bool:
		return strconv.AppendBool(b, v), true
	case string:
		return appendString(b, v), true
	case int:
		return strconv.AppendInt(b, int64(v), 10), true
	case int32:
		return strconv.AppendInt(b, int64(v), 10), true
	case int64:
		return strconv.AppendInt(b, v, 10), true
	case uint32:
		return strconv.AppendUint(b, uint64(v), 10), true
	case uint64:
		return strconv.AppendUint(b, v, 10), true
	case float64:
		return appendFloat(b, v)
	case []any:
		if v == nil {
			return append(b, "null"...), true
		}
		return appendArray(b, v, depth)
	case []string:
		if v == nil {
			return append(b, "null"...), true
		}
		return appendStrings(b, v), true
	case map[string]any:
		if v == nil {
			return append(b, "null"...), true
		}
		return appendObject(b, v, depth)
	case map[string]string:
		if v == nil {
			return append(b, "null"...), true
		}
		return appendStringObject(b, v), true
	}
	return b, false
}

func appendArray(b []byte, values []any, depth int) ([]byte, bool) {
	if depth == 0 {
		return b, false
	}
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var ok bool
		if b, ok = appendValue(b, v, depth-1); !ok {
			return b, false
		}
	}
	return append(b, ']'), true
}

func appendStrings(b []byte, values []string) []byte {
	b = append(b, '[')
	for i, s := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

// fewKeys is how many keys are sorted without an allocation.
const fewKeys = 16

func appendObject(b []byte, object map[string]any, depth int) ([]byte, bool) {
	if depth == 0 {
		return b, false
	}
	var few [fewKeys]string
	b = append(b, '{')
	for i, key := range sortedKeys(few[:0], object) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, key), ':')
		var ok bool
		if b, ok = appendValue(b, object[key], depth-1); !ok {
			return b, false
		}
	}
	return append(b, '}'), true
}

func appendStringObject(b []byte, object map[string]string) []byte {
	var few [fewKeys]string
	b = append(b, '{')
	for i, key := range sortedKeys(few[:0], object) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(appendString(b, key), ':'), object[key])
	}
	return append(b, '}')
}

func sortedKeys[V any](keys []string, object map[string]V) []string {
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// appendFloat writes a number as ECMAScript does, like encoding/json. JSON has no infinity and no
// NaN.
func appendFloat(b []byte, f float64) ([]byte, bool) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return b, false
	}
	size, format := math.Abs(f), byte('f')
	if size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, f, format, -1, 64)
	if n := len(b); format == 'e' && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // e-09 becomes e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b, true
}

const hexDigits = "0123456789abcdef"

// plain reports for each ASCII character whether a string contains it unescaped.
var plain = func() (set [utf8.RuneSelf]bool) {
	for c := range set {
		set[c] = c >= ' '
	}
	for _, c := range `"\<>&` {
		set[c] = false
	}
	return set
}()

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plain[c] {
				i++
				continue
			}
			b = appendEscape(append(b, s[start:i]...), c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029': // line terminators in older JavaScript
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hexDigits[r&0xf])
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
	case '\b':
		c = 'b'
	case '\f':
		c = 'f'
	case '\n':
		c = 'n'
	case '\r':
		c = 'r'
	case '\t':
		c = 't'
	default:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
	return append(b, '\\', c)
}
