package mcpclient

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
	var page ResourcesPage
	require.NoError(t, decodeText(&resourcesPageDecoder{out: &page}, fullResources))
	require.Len(t, page.Resources, 1)
	require.Equal(t, mcp.Resource{
		Annotated: wantAnnotated, Meta: wantMeta, URI: "file:///a", Name: "n", Title: "t", Description: "d",
		MIMEType: "text/plain", Icons: wantIcons, Size: pointer(int64(0)),
	}, page.Resources[0].Resource)
	require.Contains(t, string(page.Resources[0].Raw), `"future":1`)
	require.Equal(t, pointer(""), page.NextCursor)
}

func TestResourceTemplatesPage(t *testing.T) {
	var page ResourceTemplatesPage
	require.NoError(t, decodeText(&templatesPageDecoder{out: &page}, fullTemplates))
	require.Len(t, page.ResourceTemplates, 1)
	got := page.ResourceTemplates[0]
	require.Equal(t, "file:///{path}", got.URITemplate.Raw())
	require.Equal(t, "file:///{path}", got.RawURITemplate)
	require.Contains(t, string(got.Raw), `"future":1`)
	got.URITemplate = nil
	require.Equal(t, mcp.ResourceTemplate{
		Annotated: wantAnnotated, Meta: wantMeta, Name: "n", Title: "t", Description: "d", MIMEType: "x/y", Icons: wantIcons,
	}, got.ResourceTemplate)
}

// One template that is none does not lose the page.
func TestBadURITemplate(t *testing.T) {
	const bad = `{"uriTemplate":"file:///{\u00e9","name":"bad"}`
	var page ResourceTemplatesPage
	require.NoError(t, decodeText(&templatesPageDecoder{out: &page},
		`{"resourceTemplates":[`+bad+`,{"name":"none"},{"uriTemplate":"a/{b}"}]}`))
	require.Len(t, page.ResourceTemplates, 3)
	require.Nil(t, page.ResourceTemplates[0].URITemplate)
	require.Equal(t, "file:///{é", page.ResourceTemplates[0].RawURITemplate)
	require.Equal(t, bad, string(page.ResourceTemplates[0].Raw))
	require.Nil(t, page.ResourceTemplates[1].URITemplate)
	require.Equal(t, "a/{b}", page.ResourceTemplates[2].URITemplate.Raw())
	_, err := json.Marshal(page)
	require.NoError(t, err)
}

func TestReadResourceResult(t *testing.T) {
	var got ReadResourceResult
	require.NoError(t, decodeText(&readResourceDecoder{out: &got}, fullRead))
	require.Equal(t, []mcp.ResourceContents{
		mcp.TextResourceContents{
			Meta: map[string]any{"m": json.RawMessage("9007199254740993")}, URI: "file:///a", MIMEType: "text/plain", Text: "t",
		},
		mcp.BlobResourceContents{URI: "file:///b", Blob: "AQID"},
	}, got.Contents)
	require.Equal(t, CacheHint{TTL: time.Minute, HasTTL: true, Scope: mcp.CacheScopePublic}, got.Cache)
	require.Equal(t, pointer(int64(60000)), got.TTLMs)
	require.Equal(t, mcp.CacheScopePublic, got.CacheScope)
	require.Nil(t, got.Raw)

	require.NoError(t, decodeText(&readResourceDecoder{out: &got, keepRaw: true}, fullRead))
	require.Equal(t, fullRead, string(got.Raw))
	require.NoError(t, decodeText(&readResourceDecoder{out: &got}, `{"contents":[]}`))
	require.Empty(t, got.Contents)
	require.Nil(t, got.TTLMs)
}

// Damaged contents are kept, and those around them are not affected.
func TestDamagedResourceContents(t *testing.T) {
	for _, tt := range []struct{ contents, err string }{
		{`{"uri":"u"}`, `neither "text" nor "blob"`},
		{`{"uri":"u", "blob":"!"}`, "blob: not base64"},
		{`{"uri":1,"text":"x"}`, "uri: string wanted, number found"},
		{`{"uri":"u","text":"x","_meta":[]}`, "_meta: object wanted, array found"},
		{`null`, "object wanted"},
		{`"x"`, "object wanted"},
	} {
		var got ReadResourceResult
		require.NoError(t, decodeText(&readResourceDecoder{out: &got}, `{"contents":[`+tt.contents+`,{"uri":"u","text":"next"}]}`))
		require.Len(t, got.Contents, 2)
		unknown, ok := got.Contents[0].(UnknownResourceContents)
		require.True(t, ok, tt.contents)
		require.Equal(t, tt.contents, string(unknown.Raw))
		require.ErrorContains(t, unknown.Err, tt.err)
		require.Equal(t, mcp.TextResourceContents{URI: "u", Text: "next"}, got.Contents[1])
	}
}
