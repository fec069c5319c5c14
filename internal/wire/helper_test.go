package wire

import (
	"encoding/json"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

// These types stand in for mcpclient's public types, which also embed the types of package mcp.

type callToolResult struct {
	mcp.CallToolResult
	Raw json.RawMessage
}

func (r *callToolResult) decoder(keepRaw bool) *CallTool {
	return &CallTool{Out: &r.CallToolResult, Raw: &r.Raw, KeepRaw: keepRaw, Unknown: &unknownTypes}
}

type getPromptResult struct {
	mcp.GetPromptResult
	Raw json.RawMessage
}

func (r *getPromptResult) decoder(keepRaw bool) *GetPrompt {
	return &GetPrompt{Out: &r.GetPromptResult, Raw: &r.Raw, KeepRaw: keepRaw, Unknown: &unknownTypes}
}

type readResourceResult struct {
	mcp.ReadResourceResult
	Cache Cache
	Raw   json.RawMessage
}

func (r *readResourceResult) decoder(keepRaw bool) *ReadResource {
	return &ReadResource{Out: &r.ReadResourceResult, Raw: &r.Raw, Cache: &r.Cache, KeepRaw: keepRaw, Unknown: &unknownTypes}
}

type tool struct {
	mcp.Tool
	Raw json.RawMessage
}

type prompt struct {
	mcp.Prompt
	Raw json.RawMessage
}

type resource struct {
	mcp.Resource
	Raw json.RawMessage
}

type template struct {
	mcp.ResourceTemplate
	RawURITemplate string
	Raw            json.RawMessage
}

var (
	toolList     = List[tool]{Member: "tools", Item: func(r *Reader, t *tool) { t.Raw = r.Tool(&t.Tool) }}
	promptList   = List[prompt]{Member: "prompts", Item: func(r *Reader, p *prompt) { p.Raw = r.Prompt(&p.Prompt) }}
	resourceList = List[resource]{Member: "resources", Item: func(r *Reader, s *resource) { s.Raw = r.Resource(&s.Resource) }}
	templateList = List[template]{Member: "resourceTemplates", Item: func(r *Reader, t *template) {
		t.RawURITemplate, t.Raw = r.Template(&t.ResourceTemplate)
	}}
)

// Embedding is the only way to implement these interfaces.
type (
	sealedContent          = mcp.Content
	sealedResourceContents = mcp.ResourceContents
)

type unknownContent struct {
	sealedContent
	Type string
	Raw  json.RawMessage
	Err  error
}

func (c unknownContent) MarshalJSON() ([]byte, error) { return c.Raw, nil }

type unknownResource struct {
	sealedResourceContents
	Raw json.RawMessage
	Err error
}

func (c unknownResource) MarshalJSON() ([]byte, error) { return c.Raw, nil }

var unknownTypes = Unknown{
	Content: func(kind string, raw json.RawMessage, err error) mcp.Content {
		return unknownContent{Type: kind, Raw: raw, Err: err}
	},
	Resource: func(raw json.RawMessage, err error) mcp.ResourceContents {
		return unknownResource{Raw: raw, Err: err}
	},
}

// decodeText decodes the whole text.
func decodeText(d Decoder, text string) error { return Unmarshal([]byte(text), d) }

func decodeCall(t *testing.T, text string) *callToolResult {
	t.Helper()
	out := new(callToolResult)
	require.NoError(t, decodeText(out.decoder(false), text))
	return out
}

func decodeTools(t *testing.T, text string) *Page[tool] {
	t.Helper()
	page := &Page[tool]{List: &toolList}
	require.NoError(t, decodeText(page, text))
	return page
}

func pointer[T any](v T) *T { return &v }

func jsonOf(v any) json.RawMessage { return v.(json.RawMessage) }
