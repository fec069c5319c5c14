package mcpclient

import (
	"context"
	"iter"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// Tools yields the server's tools. It requests a page when the loop needs it. A page that fails
// ends the loop with its error. Each range over the result starts at the first page.
func (s *Session) Tools(ctx context.Context, opts ...CallOption) iter.Seq2[Tool, error] {
	return toolList.walk(ctx, s, opts)
}

// AllTools returns the tools of all pages, and the items of the list that could not be read. Like
// [Session.Tools], it leaves out tools with invalid x-mcp-header annotations. An error means that
// the list is incomplete; then AllTools returns neither.
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

// relistTools lists all tools again, to learn which arguments are mirrored into headers.
func (s *Session) relistTools(ctx context.Context) error {
	for _, err := range s.Tools(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

// CallTool runs a tool. args is anything that encodes to a JSON object: a struct, a map, a
// json.RawMessage; nil is the empty object. It is not changed.
//
// A tool that fails reports it in the result (IsError), which is not an error here. An error means
// that there is no result; [OutcomeOf] says whether the tool may have run nevertheless. A lost
// answer never makes the session run a tool twice, unless [WithIdempotent] or
// [Options].TrustToolHints allow it.
func (s *Session) CallTool(ctx context.Context, name string, args any, opts ...CallOption) (*CallToolResult, error) {
	result := new(CallToolResult)
	c := s.newCall(ctx, message{method: methodCallTool, name: name, hasName: true}, opts)
	var err error
	if c.msg.params, c.args, err = wire.ToolParams(name, args); err != nil {
		c.fail(err)
	}
	c.result, c.inputTo = result.decoder(c.keepRaw), &result.Input
	c.repeatable = s.declaredHarmless(&c.callOptions, name)
	if err := c.do(); err != nil {
		return nil, err
	}
	return result, nil
}

// declaredHarmless reports whether the caller said that a tool may run twice, or trusts the server
// that says so.
func (s *Session) declaredHarmless(o *callOptions, tool string) bool {
	if o.idempotent || !s.opts.TrustToolHints {
		return o.idempotent
	}
	listed := s.tools.lookup(tool)
	return listed != nil && listed.hintsSafe
}
