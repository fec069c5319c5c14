// Package canonical writes JSON values in one form, so that equal values have equal texts.
package canonical

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Text returns a text that two JSON values share if they differ only in white space, in the order of
// members or in how strings are escaped. Members with the same name all stay, in their order. The
// text is for comparing: it is not JSON. Text returns bytes that are not JSON unchanged.
func Text(raw []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	value, err := readValue(dec)
	if err != nil {
		return raw
	}
	if _, err := dec.Token(); err != io.EOF {
		return raw
	}
	return appendValue(make([]byte, 0, len(raw)), value)
}

// A JSON value is an object, an array or a scalar token of encoding/json. Reading all of it before
// writing takes linear time, however deep the value nests.
type (
	jsonObject []jsonMember
	jsonArray  []any
	jsonMember struct {
		name  string
		value any
	}
)

func readValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	switch {
	case err != nil:
		return nil, err
	case token == json.Delim('{'):
		return readObject(dec)
	case token == json.Delim('['):
		return readArray(dec)
	}
	return token, nil
}

func readObject(dec *json.Decoder) (jsonObject, error) {
	var object jsonObject
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		value, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		object = append(object, jsonMember{name.(string), value}) // the decoder accepts no other names
	}
	slices.SortStableFunc(object, func(a, b jsonMember) int { return cmp.Compare(a.name, b.name) })
	_, err := dec.Token()
	return object, err
}

func readArray(dec *json.Decoder) (jsonArray, error) {
	var array jsonArray
	for dec.More() {
		value, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := dec.Token()
	return array, err
}

func appendValue(out []byte, value any) []byte {
	switch v := value.(type) {
	case jsonObject:
		out = append(out, '{')
		for _, m := range v {
			out = append(jsonrpc.AppendString(out, m.name), ':')
			out = append(appendValue(out, m.value), ',')
		}
		return append(out, '}')
	case jsonArray:
		out = append(out, '[')
		for _, item := range v {
			out = append(appendValue(out, item), ',')
		}
		return append(out, ']')
	case string:
		return jsonrpc.AppendString(out, v)
	}
	return fmt.Append(out, value) // a json.Number, true, false or <nil>
}
