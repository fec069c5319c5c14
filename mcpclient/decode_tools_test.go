package mcpclient

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

func decodeTools(t *testing.T, text string) *ToolsPage {
	t.Helper()
	out := new(ToolsPage)
	require.NoError(t, decodeText(&toolsPageDecoder{out: out}, text))
	return out
}

var wantIcons = []mcp.Icon{{Src: "https://x/i.png", MIMEType: "image/png", Sizes: []string{"48x48", "any"}, Theme: mcp.IconThemeDark}}

func TestToolsPage(t *testing.T) {
	page := decodeTools(t, fullTools)
	require.Len(t, page.Tools, 1)
	tool := page.Tools[0]
	require.Equal(t, mcp.Tool{
		Meta: &mcp.Meta{AdditionalFields: map[string]any{"k": json.RawMessage(`"v"`)}},
		Name: "n", Title: "t", Description: "d",
		RawInputSchema: json.RawMessage(`{ "type":"object" }`), RawOutputSchema: json.RawMessage(`{"type":"array"}`),
		Annotations: mcp.ToolAnnotation{
			Title: "x", ReadOnlyHint: pointer(true), DestructiveHint: pointer(false),
			IdempotentHint: pointer(true), OpenWorldHint: pointer(false),
		},
		DeferLoading: true, Icons: wantIcons,
		Execution: &mcp.ToolExecution{TaskSupport: mcp.TaskSupportOptional},
	}, tool.Tool)
	require.Contains(t, string(tool.Raw), `"future":{"a":1}`)
	require.True(t, json.Valid(tool.Raw))
	require.Equal(t, PageInfo{
		NextCursor: pointer("c"),
		Cache:      CacheHint{TTL: 1500 * time.Millisecond, HasTTL: true, Scope: mcp.CacheScopePrivate},
		Meta:       &mcp.Meta{AdditionalFields: map[string]any{"p": json.RawMessage("1")}},
		ResultType: mcp.ResultTypeComplete,
	}, page.PageInfo)
}

func TestToolSchemas(t *testing.T) {
	for _, tt := range []struct{ tool, input, output string }{
		{`{"name":"a"}`, `{"type":"object"}`, ``},
		{`{"name":"a","inputSchema":null,"outputSchema":null}`, `{"type":"object"}`, ``},
		{`{"name":"a","inputSchema":{"a":9007199254740993},"outputSchema":true}`, `{"a":9007199254740993}`, `true`},
		{`{"inputSchema":{},"name":"a","inputSchema":{"b":1}}`, `{"b":1}`, ``},
	} {
		tool := decodeTools(t, `{"tools":[`+tt.tool+`]}`).Tools[0]
		require.Equal(t, tt.input, string(tool.RawInputSchema), tt.tool)
		require.Equal(t, tt.output, string(tool.RawOutputSchema), tt.tool)
		require.Zero(t, tool.Tool.InputSchema)
		require.Zero(t, tool.Tool.OutputSchema)
		require.Equal(t, tt.tool, string(tool.Raw))
		_, err := json.Marshal(tool)
		require.NoError(t, err)
	}
}

// Raw and its parts share memory: growing one must not write into another.
func TestToolPartsCannotGrowIntoEachOther(t *testing.T) {
	tool := decodeTools(t, fullTools).Tools[0]
	before := string(tool.Raw)
	_ = append(tool.RawInputSchema, "xxxxxxxxxxxxxxxx"...)
	_ = append(tool.RawOutputSchema, "xxxxxxxxxxxxxxxx"...)
	require.Equal(t, before, string(tool.Raw))
}

func TestPagesWithoutItems(t *testing.T) {
	for _, text := range []string{`{}`, `{"tools":null}`, `{"tools":[]}`, `{"tools":[{"name":"a"}],"tools":[]}`} {
		page := decodeTools(t, text)
		require.Empty(t, page.Tools, text)
		require.Nil(t, page.NextCursor)
	}
}

// An empty cursor is a cursor.
func TestNextCursor(t *testing.T) {
	require.Equal(t, pointer(""), decodeTools(t, `{"nextCursor":""}`).NextCursor)
	require.Equal(t, pointer("a\"b"), decodeTools(t, `{"nextCursor":"a\"b"}`).NextCursor)
	require.Nil(t, decodeTools(t, `{"nextCursor":"a","nextCursor":null}`).NextCursor)
}

func TestCacheHint(t *testing.T) {
	for _, tt := range []struct {
		text string
		want CacheHint
	}{
		{`{}`, CacheHint{}},
		{`{"ttlMs":null}`, CacheHint{}},
		{`{"ttlMs":0}`, CacheHint{HasTTL: true}},
		{`{"ttlMs":-5}`, CacheHint{HasTTL: true}},
		{`{"ttlMs":1.5}`, CacheHint{HasTTL: true, TTL: 1500 * time.Microsecond}},
		{`{"ttlMs":9223372036854775807}`, CacheHint{HasTTL: true, TTL: maxTTL}},
		{`{"ttlMs":1e999}`, CacheHint{HasTTL: true, TTL: maxTTL}},
		{`{"ttlMs":-1e999}`, CacheHint{HasTTL: true}},
		{`{"cacheScope":"public"}`, CacheHint{Scope: mcp.CacheScopePublic}},
		{`{"cacheScope":"galactic"}`, CacheHint{Scope: "galactic"}},
	} {
		require.Equal(t, tt.want, decodeTools(t, tt.text).Cache, tt.text)
	}
}

func TestIconSizesAsOneString(t *testing.T) {
	tool := decodeTools(t, `{"tools":[{"name":"a","icons":[{"src":"s","sizes":"any"}]}]}`).Tools[0]
	require.Equal(t, []mcp.Icon{{Src: "s", Sizes: []string{"any"}}}, tool.Icons)
}
