package mcpclient

import (
	"context"
	"iter"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// Resources yields the server's resources. It works like [Session.Tools].
func (s *Session) Resources(ctx context.Context, opts ...CallOption) iter.Seq2[Resource, error] {
	return resourceList.walk(ctx, s, opts)
}

// ListResources returns one page of the server's resources; see [Session.ListTools].
func (s *Session) ListResources(ctx context.Context, cursor *string, opts ...CallOption) (*Page[Resource], error) {
	return resourceList.page(ctx, s, cursor, opts)
}

// ResourceTemplates yields the server's resource templates. It works like [Session.Tools].
func (s *Session) ResourceTemplates(ctx context.Context, opts ...CallOption) iter.Seq2[ResourceTemplate, error] {
	return templateList.walk(ctx, s, opts)
}

// ListResourceTemplates returns one page of the server's resource templates; see
// [Session.ListTools].
func (s *Session) ListResourceTemplates(ctx context.Context, cursor *string, opts ...CallOption) (*Page[ResourceTemplate], error) {
	return templateList.page(ctx, s, cursor, opts)
}

// ReadResource reads a resource, which may have any number of contents. [IsNotFound] reports
// whether it failed because the resource does not exist.
func (s *Session) ReadResource(ctx context.Context, uri string, opts ...CallOption) (*ReadResourceResult, error) {
	result := new(ReadResourceResult)
	c := s.newQuery(ctx, message{method: methodReadResource, params: wire.URIParams(uri), name: uri, hasName: true}, nil, opts)
	c.result, c.inputTo = result.decoder(c.keepRaw), &result.Input
	return finish(c, result, nil)
}
