package mcpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Tools yields the server's tools. It requests a page when the loop needs it. A page that fails ends
// the loop with its error. Each range over the result starts at the first page.
func (s *Session) Tools(ctx context.Context, opts ...CallOption) iter.Seq2[Tool, error] {
	return toolList.walk(ctx, s, opts)
}

// AllTools returns the tools of all pages, and the items of the list that could not be read. Like
// [Session.Tools], it leaves out tools with invalid x-mcp-header annotations. An error means that the
// list is incomplete; then AllTools returns neither.
func (s *Session) AllTools(ctx context.Context, opts ...CallOption) ([]Tool, []InvalidItem, error) {
	return toolList.all(ctx, s, opts)
}

// ListTools returns one page of the server's tools: the first for a nil cursor, then the one that a
// page's NextCursor names, until that is nil.
//
// On a modern server, it leaves out and logs tools whose x-mcp-header annotations are invalid, as
// 2026-07-28 demands.
func (s *Session) ListTools(ctx context.Context, cursor *string, opts ...CallOption) (*Page[Tool], error) {
	return toolList.page(ctx, s, cursor, opts)
}

// relistTools reads the whole list again, for the sake of what is mirrored into headers.
func (s *Session) relistTools(ctx context.Context) error {
	for _, err := range s.Tools(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

// CallTool runs a tool. Args is anything that encodes to a JSON object:
// a struct, a map, a json.RawMessage; nil is the empty object. It is not changed.
//
// A tool that fails says so in the result (IsError), which is no error here. An
// error means that there is no result; [OutcomeOf] says whether the tool may
// have run all the same. A tool is not run twice because of a lost answer,
// unless [WithIdempotent] or [Options].TrustToolHints allow it.
func (s *Session) CallTool(ctx context.Context, name string, args any, opts ...CallOption) (*CallToolResult, error) {
	result := new(CallToolResult)
	c := &call{ctx: ctx, method: methodCallTool, name: name, hasName: true, callOptions: s.newCallOptions(opts)}
	c.params, c.args = c.toolParams(name, args)
	c.result, c.inputTo = result.decoder(c.keepRaw), &result.Input
	c.tool = s.tools.lookup(name)
	c.repeatable = s.declaredHarmless(&c.callOptions, c.tool)
	if err := s.do(c); err != nil {
		return nil, err
	}
	return result, nil
}

// declaredHarmless reports whether the caller said that a tool may run twice, or trusts the server that says so.
func (s *Session) declaredHarmless(o *callOptions, tool *toolHeaders) bool {
	return o.idempotent || (s.opts.TrustToolHints && tool.repeatable())
}

var noArguments = []byte("{}") // read only

// toolParams encodes name and arguments; args is the part that holds the arguments.
func (o *callOptions) toolParams(name string, value any) (params, args []byte) {
	args = noArguments
	switch v := value.(type) {
	case nil:
	case json.RawMessage:
		args = v
	default:
		data, err := json.Marshal(value)
		if err != nil {
			o.fail(fmt.Errorf("arguments of tool %q: %w", name, err))
			return nil, nil
		}
		args = data
	}
	if trimmed := bytes.TrimSpace(args); len(trimmed) == 0 || string(trimmed) == "null" {
		args = noArguments // a nil map, pointer or RawMessage: no arguments
	}
	if err := checkObject(args); err != nil {
		o.fail(fmt.Errorf("arguments of tool %q: %w", name, err))
		return nil, nil
	}
	params = make([]byte, 0, len(args)+len(name)+32)
	params = append(params, `{"name":`...)
	params = jsonrpc.AppendString(params, name)
	params = append(params, `,"arguments":`...)
	start := len(params)
	params = append(params, args...)
	return append(params, '}'), params[start:len(params):len(params)]
}

// checkObject reports why data is not one JSON object.
func checkObject(data []byte) error {
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
