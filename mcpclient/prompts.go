package mcpclient

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Prompts yields the server's prompts like [Session.Tools] yields tools.
func (s *Session) Prompts(ctx context.Context, opts ...CallOption) iter.Seq2[Prompt, error] {
	return promptList.walk(ctx, s, opts)
}

// ListPrompts returns one page of the server's prompts; see [Session.ListTools].
func (s *Session) ListPrompts(ctx context.Context, cursor *string, opts ...CallOption) (*Page[Prompt], error) {
	return promptList.page(ctx, s, cursor, opts)
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
