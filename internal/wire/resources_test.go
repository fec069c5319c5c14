package wire

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

var wantAnnotated = mcp.Annotated{Annotations: &mcp.Annotations{
	Audience: []mcp.Role{"user", "assistant", "other"}, Priority: pointer(0.5), LastModified: "2026-01-12T15:00:58Z",
}}

var wantMeta = &mcp.Meta{
	ProgressToken:    json.Number("7"),
	AdditionalFields: map[string]any{"a/b": json.RawMessage(`{"n":9007199254740993}`)},
}

func TestResourcesPage(t *testing.T) {
	page := Page[resource]{List: &resourceList}
	require.NoError(t, decodeText(&page, fullResources))
	require.Len(t, page.Items, 1)
	require.Equal(t, mcp.Resource{
		Annotated: wantAnnotated, Meta: wantMeta, URI: "file:///a", Name: "n", Title: "t", Description: "d",
		MIMEType: "text/plain", Icons: wantIcons, Size: pointer(int64(0)),
	}, page.Items[0].Resource)
	require.Contains(t, string(page.Items[0].Raw), `"future":1`)
	require.Equal(t, pointer(""), page.Next)
}

func TestResourceTemplatesPage(t *testing.T) {
	page := Page[template]{List: &templateList}
	require.NoError(t, decodeText(&page, fullTemplates))
	require.Len(t, page.Items, 1)
	got := page.Items[0]
	require.Equal(t, "file:///{path}", got.URITemplate.Raw())
	require.Equal(t, "file:///{path}", got.RawURITemplate)
	require.Contains(t, string(got.Raw), `"future":1`)
	got.URITemplate = nil
	require.Equal(t, mcp.ResourceTemplate{
		Annotated: wantAnnotated, Meta: wantMeta, Name: "n", Title: "t", Description: "d", MIMEType: "x/y", Icons: wantIcons,
	}, got.ResourceTemplate)
}

// An invalid URI template does not affect the rest of the page.
func TestBadURITemplate(t *testing.T) {
	const bad = `{"uriTemplate":"file:///{\u00e9","name":"bad"}`
	page := Page[template]{List: &templateList}
	require.NoError(t, decodeText(&page,
		`{"resourceTemplates":[`+bad+`,{"name":"none"},{"uriTemplate":"a/{b}"}]}`))
	require.Len(t, page.Items, 3)
	require.Nil(t, page.Items[0].URITemplate)
	require.Equal(t, "file:///{é", page.Items[0].RawURITemplate)
	require.Equal(t, bad, string(page.Items[0].Raw))
	require.Nil(t, page.Items[1].URITemplate)
	require.Equal(t, "a/{b}", page.Items[2].URITemplate.Raw())
	_, err := json.Marshal(page.Items)
	require.NoError(t, err)
}

func TestReadResourceResult(t *testing.T) {
	var got readResourceResult
	require.NoError(t, decodeText(got.decoder(false), fullRead))
	require.Equal(t, []mcp.ResourceContents{
		mcp.TextResourceContents{
			Meta: map[string]any{"m": json.RawMessage("9007199254740993")}, URI: "file:///a", MIMEType: "text/plain", Text: "t",
		},
		mcp.BlobResourceContents{URI: "file:///b", Blob: "AQID"},
	}, got.Contents)
	require.Equal(t, Cache{TTL: time.Minute, HasTTL: true, Scope: mcp.CacheScopePublic}, got.Cache)
	require.Equal(t, pointer(int64(60000)), got.TTLMs)
	require.Equal(t, mcp.CacheScopePublic, got.CacheScope)
	require.Nil(t, got.Raw)

	require.NoError(t, decodeText(got.decoder(true), fullRead))
	require.Equal(t, fullRead, string(got.Raw))
	require.NoError(t, decodeText(got.decoder(false), `{"contents":[]}`))
	require.Empty(t, got.Contents)
	require.Nil(t, got.TTLMs)
}

// Invalid contents are kept and do not affect the contents around them.
func TestInvalidResourceContents(t *testing.T) {
	for _, tt := range []struct{ contents, err string }{
		{`{"uri":"u"}`, `neither "text" nor "blob"`},
		{`{"uri":"u", "blob":"!"}`, "blob: not base64"},
		{`{"uri":1,"text":"x"}`, "uri: expected string, got number"},
		{`null`, "expected object"},
		{`"x"`, "expected object"},
	} {
		var got readResourceResult
		require.NoError(t, decodeText(got.decoder(false), `{"contents":[`+tt.contents+`,{"uri":"u","text":"next"}]}`))
		require.Len(t, got.Contents, 2)
		unknown, ok := got.Contents[0].(unknownResource)
		require.True(t, ok, tt.contents)
		require.Equal(t, tt.contents, string(unknown.Raw))
		require.ErrorContains(t, unknown.Err, tt.err)
		require.Equal(t, mcp.TextResourceContents{URI: "u", Text: "next"}, got.Contents[1])
	}
}
