package mcpclient

import (
	"context"
	"iter"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Resources yields the server's resources like [Session.Tools] yields tools.
func (s *Session) Resources(ctx context.Context, opts ...CallOption) iter.Seq2[Resource, error] {
	return resourceList.walk(ctx, s, opts)
}

// ListResources returns one page of the server's resources; see [Session.ListTools].
func (s *Session) ListResources(ctx context.Context, cursor *string, opts ...CallOption) (*Page[Resource], error) {
	return resourceList.page(ctx, s, cursor, opts)
}

// ResourceTemplates yields the server's resource templates like [Session.Tools] yields tools.
func (s *Session) ResourceTemplates(ctx context.Context, opts ...CallOption) iter.Seq2[ResourceTemplate, error] {
	return templateList.walk(ctx, s, opts)
}

// ListResourceTemplates returns one page of the server's resource templates; see
// [Session.ListTools].
func (s *Session) ListResourceTemplates(ctx context.Context, cursor *string, opts ...CallOption) (*Page[ResourceTemplate], error) {
	return templateList.page(ctx, s, cursor, opts)
}

// ReadResource reads a resource. One resource may have several contents, or
// none. A resource that does not exist is an [RPCError] with
// [CodeInvalidParams] or, from older servers, [CodeResourceNotFound].
func (s *Session) ReadResource(ctx context.Context, uri string, opts ...CallOption) (*ReadResourceResult, error) {
	result := new(ReadResourceResult)
	c := &call{
		ctx: ctx, method: methodReadResource, name: uri, hasName: true, repeatable: true, tryBound: true,
		params: append(jsonrpc.AppendString([]byte(`{"uri":`), uri), '}'), callOptions: s.newCallOptions(opts),
	}
	c.result, c.inputTo = result.decoder(c.keepRaw), &result.Input
	if err := s.do(c); err != nil {
		return nil, err
	}
	return result, nil
}
