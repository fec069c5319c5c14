package mcpclient

import (
	"encoding/json"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// unknownTypes creates the values that represent content without a type in package mcp.
var unknownTypes = wire.Unknown{
	Content: func(kind string, raw json.RawMessage, err error) mcp.Content {
		return UnknownContent{Type: kind, Raw: raw, Err: publicError(err)}
	},
	Resource: func(raw json.RawMessage, err error) mcp.ResourceContents {
		return UnknownResourceContents{Raw: raw, Err: publicError(err)}
	},
}

// publicError converts a limit error of package wire into a [LimitError] and keeps the error's JSON
// path. It returns any other error unchanged.
func publicError(err error) error {
	if err == nil {
		return nil // errors.As would allocate
	}
	var limit *wire.LimitError
	if !errors.As(err, &limit) {
		return err
	}
	public := &LimitError{What: limit.What, Limit: limit.Limit}
	var at *wire.PathError
	if errors.As(err, &at) {
		return &wire.PathError{Path: at.Path, Err: public}
	}
	return public
}

func readTool(r *wire.Reader, t *Tool) { t.Raw = r.Tool(&t.Tool) }

func readPrompt(r *wire.Reader, p *Prompt) { p.Raw = r.Prompt(&p.Prompt) }

func readResource(r *wire.Reader, res *Resource) { res.Raw = r.Resource(&res.Resource) }

func readTemplate(r *wire.Reader, t *ResourceTemplate) {
	t.RawURITemplate, t.Raw = r.Template(&t.ResourceTemplate)
}

// decoder returns a decoder into r.
func (r *CallToolResult) decoder(keepRaw bool) *wire.CallTool {
	return &wire.CallTool{Out: &r.CallToolResult, Raw: &r.Raw, KeepRaw: keepRaw, Unknown: &unknownTypes}
}

// decoder returns a decoder into r.
func (r *GetPromptResult) decoder(keepRaw bool) *wire.GetPrompt {
	return &wire.GetPrompt{Out: &r.GetPromptResult, Raw: &r.Raw, KeepRaw: keepRaw, Unknown: &unknownTypes}
}

// decoder returns a decoder into r.
func (r *ReadResourceResult) decoder(keepRaw bool) *wire.ReadResource {
	return &wire.ReadResource{
		Out: &r.ReadResourceResult, Raw: &r.Raw, Cache: (*wire.Cache)(&r.Cache), KeepRaw: keepRaw, Unknown: &unknownTypes,
	}
}

// decoder returns a decoder into r.
func (r *CompleteResult) decoder() *wire.Complete {
	return &wire.Complete{Out: &r.CompleteResult, HasTotal: &r.HasTotal}
}

// publicPage converts a decoded page into a Page.
func publicPage[T any](p *wire.Page[T]) *Page[T] {
	info := PageInfo{NextCursor: p.Next, Cache: CacheHint(p.Cache), Meta: p.Meta, ResultType: p.Kind}
	for _, item := range p.Invalid {
		info.Invalid = append(info.Invalid, InvalidItem(item))
	}
	return &Page[T]{Items: p.Items, PageInfo: info}
}

// skipValue skips the JSON value at the start of data and returns its length.
func skipValue(data []byte) (int, error) {
	cur := jsonrpc.NewCursor(data, 0)
	cur.Skip()
	return cur.Pos(), cur.Err()
}
