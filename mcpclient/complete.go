package mcpclient

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// CompleteResult are the values that the server proposes for an argument, at most 100.
type CompleteResult struct {
	mcp.CompleteResult
	// HasTotal says that the server told how many there are in all.
	HasTotal bool
}

// PromptRef refers to a prompt in [Session.Complete].
func PromptRef(name string) mcp.PromptReference {
	return mcp.PromptReference{Type: refPrompt, Name: name}
}

// TemplateRef refers to a resource template in [Session.Complete].
func TemplateRef(uriTemplate string) mcp.ResourceReference {
	return mcp.ResourceReference{Type: refResource, URI: uriTemplate}
}

// Complete asks for values of an argument of a prompt or of a resource
// template, as somebody types it (2026-07-28, "Completion"). Params.Ref is what
// [PromptRef] or [TemplateRef] return. Values that were chosen already go in
// Params.Context; servers before 2025-06-18 are not told of them.
func (s *Session) Complete(ctx context.Context, params mcp.CompleteParams, opts ...CallOption) (*CompleteResult, error) {
	result := new(CompleteResult)
	c := &call{
		ctx: ctx, method: methodComplete, result: result.decoder(), repeatable: true, tryBound: true,
		callOptions: s.newCallOptions(opts),
	}
	c.params = c.completeParams(params, s.now.Load().version)
	if err := s.do(c); err != nil {
		return nil, err
	}
	return result, nil
}

// completeParams encodes the parameters for a revision.
func (o *callOptions) completeParams(params mcp.CompleteParams, version string) []byte {
	b, err := appendRef([]byte(`{"ref":`), params.Ref)
	if err != nil {
		o.fail(err)
		return nil
	}
	b = jsonrpc.AppendString(append(b, `,"argument":{"name":`...), params.Argument.Name)
	b = jsonrpc.AppendString(append(b, `,"value":`...), params.Argument.Value)
	b = append(b, '}')
	if len(params.Context.Arguments) > 0 && version >= mcp.ProtocolVersion20250618 {
		data, err := json.Marshal(params.Context.Arguments)
		if err != nil {
			o.fail(err)
			return nil
		}
		b = append(append(append(b, `,"context":{"arguments":`...), data...), '}')
	}
	return append(b, '}')
}

const (
	refPrompt   = "ref/prompt"
	refResource = "ref/resource"
)

// appendRef encodes what is to be completed.
func appendRef(b []byte, ref any) ([]byte, error) {
	switch v := ref.(type) {
	case mcp.PromptReference:
		return appendRefOf(b, v.Type, refPrompt, "name", v.Name)
	case *mcp.PromptReference:
		if v != nil {
			return appendRef(b, *v)
		}
	case mcp.ResourceReference:
		return appendRefOf(b, v.Type, refResource, "uri", v.URI)
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
		return nil, fmt.Errorf("type of the reference: %q, not %q", kind, want)
	case value == "":
		return nil, fmt.Errorf("the reference to complete has no %s", member)
	}
	b = jsonrpc.AppendString(append(b, `{"type":`...), want)
	b = jsonrpc.AppendString(append(b, ','), member)
	b = jsonrpc.AppendString(append(b, ':'), value)
	return append(b, '}'), nil
}
