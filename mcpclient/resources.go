package mcpclient

import (
	"context"
	"iter"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// Resources walks over the server's resources; see [Session.Tools] for how a walk goes.
func (s *Session) Resources(ctx context.Context, opts ...CallOption) iter.Seq2[Resource, error] {
	return walk(s, methodListResources, func(cursor *string) ([]Resource, *string, error) {
		page, err := s.ListResources(ctx, cursor, opts...)
		if err != nil {
			return nil, nil, err
		}
		return page.Resources, page.NextCursor, nil
	})
}

// ListResources reads one page of the server's resources; see [Session.ListTools].
func (s *Session) ListResources(ctx context.Context, cursor *string, opts ...CallOption) (*ResourcesPage, error) {
	d := &wire.Page[Resource]{List: &resourceList}
	if err := s.do(s.listCall(ctx, methodListResources, cursor, d, opts)); err != nil {
		return nil, err
	}
	page := &ResourcesPage{Resources: d.Items, PageInfo: pageInfo(d)}
	s.reportDamaged(methodListResources, page.Damaged)
	return page, nil
}

// ResourceTemplates walks over the server's resource templates; see [Session.Tools].
func (s *Session) ResourceTemplates(ctx context.Context, opts ...CallOption) iter.Seq2[ResourceTemplate, error] {
	return walk(s, methodListTemplates, func(cursor *string) ([]ResourceTemplate, *string, error) {
		page, err := s.ListResourceTemplates(ctx, cursor, opts...)
		if err != nil {
			return nil, nil, err
		}
		return page.ResourceTemplates, page.NextCursor, nil
	})
}

// ListResourceTemplates reads one page of the server's resource templates; see [Session.ListTools].
func (s *Session) ListResourceTemplates(ctx context.Context, cursor *string, opts ...CallOption) (*ResourceTemplatesPage, error) {
	d := &wire.Page[ResourceTemplate]{List: &templateList}
	if err := s.do(s.listCall(ctx, methodListTemplates, cursor, d, opts)); err != nil {
		return nil, err
	}
	page := &ResourceTemplatesPage{ResourceTemplates: d.Items, PageInfo: pageInfo(d)}
	s.reportDamaged(methodListTemplates, page.Damaged)
	return page, nil
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
