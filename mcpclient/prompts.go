package mcpclient

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// GetPrompt returns a prompt with its arguments filled in. A nil map means no arguments. GetPrompt
// does not change args.
func (s *Session) GetPrompt(ctx context.Context, name string, args map[string]string, opts ...CallOption) (*GetPromptResult, error) {
	result := new(GetPromptResult)
	c := s.newQuery(ctx, message{method: methodGetPrompt, name: name, hasName: true}, nil, opts)
	var err error
	c.msg.params, err = wire.PromptParams(name, args)
	c.result, c.value = result.decoder(c.keepRaw), result
	return finish(c, result, err)
}

// CompleteResult holds the values that the server proposes for an argument, at most 100.
type CompleteResult struct {
	mcp.CompleteResult
	// HasTotal says whether the server sent the total number of values.
	HasTotal bool
}

// PromptRef returns a reference to a prompt for [Session.Complete].
func PromptRef(name string) mcp.PromptReference {
	return mcp.PromptReference{Type: wire.RefPrompt, Name: name}
}

// TemplateRef returns a reference to a resource template for [Session.Complete].
func TemplateRef(uriTemplate string) mcp.ResourceReference {
	return mcp.ResourceReference{Type: wire.RefResource, URI: uriTemplate}
}

// Complete returns proposed values for an argument of a prompt or resource template, for example
// while a user types it (2026-07-28, "Completion"). Set params.Ref to the result of [PromptRef] or
// [TemplateRef]. Put values that are already chosen into params.Context, which is not sent to
// servers before 2025-06-18.
func (s *Session) Complete(ctx context.Context, params mcp.CompleteParams, opts ...CallOption) (*CompleteResult, error) {
	result := new(CompleteResult)
	c := s.newQuery(ctx, message{method: methodComplete}, result.decoder(), opts)
	c.value = result
	var err error
	withContext := s.now.Load().version >= mcp.ProtocolVersion20250618
	c.msg.params, err = wire.CompleteParams(params, withContext)
	return finish(c, result, err)
}
