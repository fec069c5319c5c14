package mcpclient

import (
	"context"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// ReadResource reads a resource, which may have any number of contents. [IsNotFound] reports
// whether it failed because the resource does not exist.
func (s *Session) ReadResource(ctx context.Context, uri string, opts ...CallOption) (*ReadResourceResult, error) {
	result := new(ReadResourceResult)
	c := s.newQuery(ctx, message{method: methodReadResource, params: wire.URIParams(uri), name: uri, hasName: true}, nil, opts)
	c.result, c.inputTo = result.decoder(c.keepRaw), &result.Input
	return finish(c, result, nil)
}
