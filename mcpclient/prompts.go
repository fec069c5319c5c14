package mcpclient

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// Prompts walks over the server's prompts; see [Session.Tools] for how a walk goes.
func (s *Session) Prompts(ctx context.Context, opts ...CallOption) iter.Seq2[Prompt, error] {
	return walk(s, methodListPrompts, func(cursor *string) ([]Prompt, *string, error) {
		page, err := s.ListPrompts(ctx, cursor, opts...)
		if err != nil {
			return nil, nil, err
		}
		return page.Prompts, page.NextCursor, nil
	})
}

// ListPrompts reads one page of the server's prompts; see [Session.ListTools].
func (s *Session) ListPrompts(ctx context.Context, cursor *string, opts ...CallOption) (*PromptsPage, error) {
	d := &wire.Page[Prompt]{List: &promptList}
	if err := s.do(s.listCall(ctx, methodListPrompts, cursor, d, opts)); err != nil {
		return nil, err
	}
	page := &PromptsPage{Prompts: d.Items, PageInfo: pageInfo(d)}
	s.reportDamaged(methodListPrompts, page.Damaged)
	return page, nil
}

// GetPrompt gets a prompt with its arguments filled in. The map is not changed; nil is no arguments.
func (s *Session) GetPrompt(ctx context.Context, name string, args map[string]string, opts ...CallOption) (*GetPromptResult, error) {
	result := new(GetPromptResult)
	c := &call{
		ctx: ctx, method: methodGetPrompt, name: name, hasName: true, repeatable: true, tryBound: true,
		callOptions: s.newCallOptions(opts),
	}
	c.params = jsonrpc.AppendString([]byte(`{"name":`), name)
	if len(args) > 0 {
		data, err := json.Marshal(args)
		if err != nil {
			c.fail(err)
		}
		c.params = append(append(c.params, `,"arguments":`...), data...)
	}
	c.params = append(c.params, '}')
	c.result, c.inputTo = result.decoder(c.keepRaw), &result.Input
	if err := s.do(c); err != nil {
		return nil, err
	}
	return result, nil
}
