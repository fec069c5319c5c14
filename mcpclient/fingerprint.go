package mcpclient

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Fingerprint returns a SHA-256 of the tool's definition, in hexadecimal. Tools have the same
// fingerprint if their definitions differ only in white space, in the order of members or in how
// strings are escaped. Any other difference counts, even that between 1 and 1.0. Use it to find out
// whether a tool is still what the user approved.
//
// If Raw is nil, the definition is what the tool encodes to.
func (t Tool) Fingerprint() string {
	raw := t.Raw
	if raw == nil {
		var err error
		if raw, err = json.Marshal(t.Tool); err != nil {
			raw = nil // a value that cannot be encoded has the fingerprint of nothing
		}
	}
	sum := sha256.Sum256(canonicalJSON(raw))
	return hex.EncodeToString(sum[:])
}

// canonicalJSON returns a JSON value without white space and with the members of objects in order.
// Members with the same name all stay, in their order. It returns other bytes unchanged.
func canonicalJSON(raw []byte) []byte {
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

// definition is what the session remembers of a tool's definition, to notice that it changes.
type definition struct {
	raw         [sha256.Size]byte // of the exact bytes, since comparing these is cheap
	fingerprint string
}

// compareDefinition reports a tool whose definition is not what it was when it was last listed.
func (s *Session) compareDefinition(ctx context.Context, t *Tool) {
	old, known := s.tools.definition(t.Name)
	next := definition{raw: sha256.Sum256(t.Raw)}
	if known && old.raw == next.raw {
		return
	}
	next.fingerprint = t.Fingerprint()
	s.tools.define(t.Name, next, s.opts.Limits.Items)
	if known && old.fingerprint != next.fingerprint {
		s.tell(ctx, ToolRedefined{Endpoint: s.Endpoint(), Tool: t.Name, Old: old.fingerprint, New: next.fingerprint})
	}
}

func (x *toolIndex) definition(name string) (d definition, known bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	d, known = x.definitions[name]
	return d, known
}

// define remembers a definition. It remembers at most limit tools.
func (x *toolIndex) define(name string, d definition, limit int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.definitions == nil {
		x.definitions = make(map[string]definition)
	}
	if _, known := x.definitions[name]; known || len(x.definitions) < limit {
		x.definitions[name] = d
	}
}
