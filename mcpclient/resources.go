package mcpclient

import (
	"context"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/uritemplate"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// ReadResource reads a resource, which may have any number of contents. [IsNotFound] reports
// whether ReadResource failed because the resource does not exist.
func (s *Session) ReadResource(ctx context.Context, uri string, opts ...CallOption) (*ReadResourceResult, error) {
	result := new(ReadResourceResult)
	c := s.newQuery(ctx, message{method: methodReadResource, params: wire.URIParams(uri), name: uri, hasName: true}, nil, opts)
	c.result, c.value = result.decoder(c.keepRaw), result
	return finish(c, result, nil)
}

// Variables returns the names of the template's variables, in order and without duplicates. It
// returns nil if the template cannot be parsed.
func (t *ResourceTemplate) Variables() []string {
	parsed, err := t.parse()
	if err != nil {
		return nil
	}
	return slices.Clone(parsed.Varnames())
}

// Expand expands the template with values and returns the URI (RFC 6570). A value is a string, a
// []string or a map[string]string, whose pairs are sorted by key. A variable without a value, or
// with an empty list or map, is undefined. Expand fails if values has a name that is not a variable
// of the template, because that is usually a typo. It also fails if the URI is longer than 64 KiB.
func (t *ResourceTemplate) Expand(values map[string]any) (string, error) {
	parsed, err := t.parse()
	if err != nil {
		return "", err
	}
	return uritemplate.Expand(parsed.Raw(), parsed.Varnames(), values)
}

// parse returns the parsed template. A template that the user created may have only one of
// URITemplate and RawURITemplate set.
func (t *ResourceTemplate) parse() (*mcp.URITemplate, error) {
	if t.URITemplate != nil && t.URITemplate.Template != nil {
		return t.URITemplate, nil
	}
	parsed := new(mcp.URITemplate)
	if err := parsed.UnmarshalJSON(jsonrpc.AppendString(nil, t.RawURITemplate)); err != nil {
		return nil, &templateError{err}
	}
	return parsed, nil
}

// templateError is the error for text that is not a URI template.
type templateError struct{ err error }

func (e *templateError) Error() string {
	return "not a URI template (RFC 6570): " + uritemplate.Quote(e.err.Error()) // the error contains text from the server
}

func (e *templateError) Unwrap() error { return e.err }
