package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// errNotObject reports a value that does not encode to a JSON object.
var errNotObject = errors.New("must be a JSON object")

// CheckObject returns an error if data is not exactly one JSON object.
func CheckObject(data []byte) error {
	cur := jsonrpc.NewCursor(data, 0)
	kind := cur.Kind()
	cur.Skip()
	cur.End()
	var syntax *jsonrpc.SyntaxError
	switch err := cur.Err(); {
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: not valid JSON: %s at offset %d", errNotObject, syntax.Msg, syntax.Offset)
	case err != nil:
		return fmt.Errorf("%w: %w", errNotObject, err)
	case kind != jsonrpc.Object:
		return fmt.Errorf("%w, got %v", errNotObject, kind)
	}
	return nil
}

// PageParams encodes the parameters of a list request. Nil asks for the first page; the empty
// string is a cursor like any other (2026-07-28, "Pagination").
func PageParams(cursor *string) []byte {
	if cursor == nil {
		return nil
	}
	return append(jsonrpc.AppendString([]byte(`{"cursor":`), *cursor), '}')
}

// URIParams encodes the parameters of a request about one resource.
func URIParams(uri string) []byte {
	return append(jsonrpc.AppendString([]byte(`{"uri":`), uri), '}')
}

// PromptParams encodes the parameters of prompts/get.
func PromptParams(name string, args map[string]string) ([]byte, error) {
	b := jsonrpc.AppendString([]byte(`{"name":`), name)
	if len(args) > 0 {
		data, err := json.Marshal(args)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"arguments":`...), data...)
	}
	return append(b, '}'), nil
}

var noArguments = []byte("{}") // read only

// ToolParams encodes the parameters of tools/call. value must encode to a JSON object; nil, a nil
// map or pointer, and an empty RawMessage stand for the empty object. args is the part of params
// that holds the arguments.
func ToolParams(name string, value any) (params, args []byte, err error) {
	args = noArguments
	switch v := value.(type) {
	case nil:
	case json.RawMessage:
		args = v
	default:
		if args, err = json.Marshal(value); err != nil {
			return nil, nil, fmt.Errorf("arguments of tool %q: %w", name, err)
		}
	}
	if trimmed := bytes.TrimSpace(args); len(trimmed) == 0 || string(trimmed) == "null" {
		args = noArguments
	}
	if err := CheckObject(args); err != nil {
		return nil, nil, fmt.Errorf("arguments of tool %q: %w", name, err)
	}
	params = make([]byte, 0, len(args)+len(name)+32)
	params = append(params, `{"name":`...)
	params = jsonrpc.AppendString(params, name)
	params = append(params, `,"arguments":`...)
	start := len(params)
	params = append(params, args...)
	return append(params, '}'), params[start:len(params):len(params)], nil
}

// RequestParams encodes the parameters of a raw request. If params is nil, it returns nil. It
// removes the members of _meta and passes them to meta, so the caller can merge them with the
// protocol's own members.
func RequestParams(params any, meta func(key string, value []byte)) ([]byte, error) {
	if params == nil {
		return nil, nil
	}
	data, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	cur := jsonrpc.NewCursor(data, 0)
	if cur.TryNull() {
		return nil, nil
	}
	if cur.Kind() != jsonrpc.Object {
		return nil, fmt.Errorf("parameters %w, got %v", errNotObject, cur.Kind())
	}
	if !bytes.Contains(data, []byte("_meta")) && !bytes.Contains(data, []byte(`\u`)) {
		return data, nil
	}
	rest := []byte{'{'}
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		if string(key) == "_meta" {
			splitMeta(&cur, meta)
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = jsonrpc.AppendString(rest, string(key))
		rest = append(append(rest, ':'), cur.Skip()...)
	}
	return append(rest, '}'), cur.Err()
}

func splitMeta(cur *jsonrpc.Cursor, meta func(key string, value []byte)) {
	if cur.TryNull() {
		return
	}
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		name := string(key)
		meta(name, cur.Skip())
	}
}

// Types of references in completion/complete.
const (
	RefPrompt   = "ref/prompt"
	RefResource = "ref/resource"
)

// CompleteParams encodes the parameters of completion/complete. withContext says whether the
// revision supports values that were chosen before.
func CompleteParams(params mcp.CompleteParams, withContext bool) ([]byte, error) {
	b, err := appendRef([]byte(`{"ref":`), params.Ref)
	if err != nil {
		return nil, err
	}
	b = jsonrpc.AppendString(append(b, `,"argument":{"name":`...), params.Argument.Name)
	b = jsonrpc.AppendString(append(b, `,"value":`...), params.Argument.Value)
	b = append(b, '}')
	if len(params.Context.Arguments) > 0 && withContext {
		data, err := json.Marshal(params.Context.Arguments)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, `,"context":{"arguments":`...), data...), '}')
	}
	return append(b, '}'), nil
}

// appendRef encodes a reference to a prompt or a resource template.
func appendRef(b []byte, ref any) ([]byte, error) {
	switch v := ref.(type) {
	case mcp.PromptReference:
		return appendRefOf(b, v.Type, RefPrompt, "name", v.Name)
	case *mcp.PromptReference:
		if v != nil {
			return appendRef(b, *v)
		}
	case mcp.ResourceReference:
		return appendRefOf(b, v.Type, RefResource, "uri", v.URI)
	case *mcp.ResourceReference:
		if v != nil {
			return appendRef(b, *v)
		}
	}
	return nil, fmt.Errorf("a completion needs a reference to a prompt or a resource template, not a %T", ref)
}

func appendRefOf(b []byte, kind, want, member, value string) ([]byte, error) {
	switch {
	case kind != "" && kind != want:
		return nil, fmt.Errorf("type of the reference: expected %q, got %q", want, kind)
	case value == "":
		return nil, fmt.Errorf("the reference to complete has no %s", member)
	}
	b = jsonrpc.AppendString(append(b, `{"type":`...), want)
	b = jsonrpc.AppendString(append(b, ','), member)
	b = jsonrpc.AppendString(append(b, ':'), value)
	return append(b, '}'), nil
}
