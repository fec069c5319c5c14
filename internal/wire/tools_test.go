package wire

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

var wantIcons = []mcp.Icon{{Src: "https://x/i.png", MIMEType: "image/png", Sizes: []string{"48x48", "any"}, Theme: mcp.IconThemeDark}}

func TestToolsPage(t *testing.T) {
	page := decodeTools(t, fullTools)
	require.Len(t, page.Items, 1)
	tool := page.Items[0]
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
	require.Equal(t, pointer("c"), page.Next)
	require.Equal(t, Cache{TTL: 1500 * time.Millisecond, HasTTL: true, Scope: mcp.CacheScopePrivate}, page.Cache)
	require.Equal(t, Head{
		Kind: mcp.ResultTypeComplete, Meta: &mcp.Meta{AdditionalFields: map[string]any{"p": json.RawMessage("1")}},
	}, page.Head)
	require.Empty(t, page.Invalid)
}

func TestToolSchemas(t *testing.T) {
	for _, tt := range []struct{ tool, input, output string }{
		{`{"name":"a"}`, `{"type":"object"}`, ``},
		{`{"name":"a","inputSchema":null,"outputSchema":null}`, `{"type":"object"}`, ``},
		{`{"name":"a","inputSchema":{"a":9007199254740993},"outputSchema":true}`, `{"a":9007199254740993}`, `true`},
		{`{"inputSchema":{},"name":"a","inputSchema":{"b":1}}`, `{"b":1}`, ``},
	} {
		tool := decodeTools(t, `{"tools":[`+tt.tool+`]}`).Items[0]
		require.Equal(t, tt.input, string(tool.RawInputSchema), tt.tool)
		require.Equal(t, tt.output, string(tool.RawOutputSchema), tt.tool)
		require.Zero(t, tool.Tool.InputSchema)
		require.Zero(t, tool.Tool.OutputSchema)
		require.Equal(t, tt.tool, string(tool.Raw))
		_, err := json.Marshal(tool)
		require.NoError(t, err)
	}
}

// Raw and its parts share memory: appending to one must not overwrite another.
func TestToolPartsCannotGrowIntoEachOther(t *testing.T) {
	tool := decodeTools(t, fullTools).Items[0]
	before := string(tool.Raw)
	_ = append(tool.RawInputSchema, "xxxxxxxxxxxxxxxx"...)
	_ = append(tool.RawOutputSchema, "xxxxxxxxxxxxxxxx"...)
	require.Equal(t, before, string(tool.Raw))
}

func TestPagesWithoutItems(t *testing.T) {
	for _, text := range []string{`{}`, `{"tools":null}`, `{"tools":[]}`, `{"tools":[{"name":"a"}],"tools":[]}`} {
		page := decodeTools(t, text)
		require.Empty(t, page.Items, text)
		require.Nil(t, page.Next)
	}
}

// An empty cursor is a valid cursor.
func TestNextCursor(t *testing.T) {
	require.Equal(t, pointer(""), decodeTools(t, `{"nextCursor":""}`).Next)
	require.Equal(t, pointer("a\"b"), decodeTools(t, `{"nextCursor":"a\"b"}`).Next)
	require.Nil(t, decodeTools(t, `{"nextCursor":"a","nextCursor":null}`).Next)
}

func TestCacheHint(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Cache
	}{
		{`{}`, Cache{}},
		{`{"ttlMs":null}`, Cache{}},
		{`{"ttlMs":0}`, Cache{HasTTL: true}},
		{`{"ttlMs":-5}`, Cache{HasTTL: true}},
		{`{"ttlMs":1.5}`, Cache{HasTTL: true, TTL: 1500 * time.Microsecond}},
		{`{"ttlMs":9223372036854775807}`, Cache{HasTTL: true, TTL: MaxTTL}},
		{`{"ttlMs":1e999}`, Cache{HasTTL: true, TTL: MaxTTL}},
		{`{"ttlMs":-1e999}`, Cache{HasTTL: true}},
		{`{"cacheScope":"public"}`, Cache{Scope: mcp.CacheScopePublic}},
		{`{"cacheScope":"galactic"}`, Cache{Scope: "galactic"}},
	} {
		require.Equal(t, tt.want, decodeTools(t, tt.text).Cache, tt.text)
	}
}

func TestIconSizesAsOneString(t *testing.T) {
	tool := decodeTools(t, `{"tools":[{"name":"a","icons":[{"src":"s","sizes":"any"}]}]}`).Items[0]
	require.Equal(t, []mcp.Icon{{Src: "s", Sizes: []string{"any"}}}, tool.Icons)
}
