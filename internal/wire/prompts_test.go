package wire

import (
	"encoding/json"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

func TestPromptsPage(t *testing.T) {
	page := Page[prompt]{List: &promptList}
	require.NoError(t, decodeText(&page, fullPrompts))
	require.Len(t, page.Items, 1)
	require.Equal(t, mcp.Prompt{
		Meta: &mcp.Meta{AdditionalFields: map[string]any{"k": json.RawMessage(`"v"`)}},
		Name: "n", Title: "t", Description: "d", Icons: wantIcons,
		Arguments: []mcp.PromptArgument{{Name: "a", Title: "A", Description: "ad", Required: true}},
	}, page.Items[0].Prompt)
	require.Contains(t, string(page.Items[0].Raw), `"future":1`)
	require.Equal(t, pointer("c"), page.Next)
}

func TestGetPromptResult(t *testing.T) {
	var got getPromptResult
	require.NoError(t, decodeText(got.decoder(false), fullPrompt))
	require.Equal(t, "d", got.Description)
	require.Equal(t, []mcp.PromptMessage{
		{Role: mcp.RoleUser, Content: mcp.TextContent{Type: "text", Text: "hi"}},
		{Role: mcp.RoleAssistant, Content: mcp.ImageContent{Type: "image", Data: "AQID", MIMEType: "image/png"}},
	}, got.Messages)
	require.Equal(t, &mcp.Meta{AdditionalFields: map[string]any{"k": json.RawMessage(`"v"`)}}, got.Meta)
	require.Nil(t, got.Raw)

	require.NoError(t, decodeText(got.decoder(true), fullPrompt))
	require.Equal(t, fullPrompt, string(got.Raw))
}

func TestPromptMessageContent(t *testing.T) {
	for _, tt := range []struct {
		message string
		want    unknownContent
	}{
		{`{"role":"user"}`, unknownContent{Err: ErrNoContent}},
		{`{"role":"user","content":{"type":"future"}}`, unknownContent{Type: "future", Raw: json.RawMessage(`{"type":"future"}`)}},
		{`{"content":{"x":1},"role":"user"}`, unknownContent{Raw: json.RawMessage(`{"x":1}`), Err: ErrNoType}},
	} {
		var got getPromptResult
		require.NoError(t, decodeText(got.decoder(false), `{"messages":[`+tt.message+`]}`))
		require.Equal(t, []mcp.PromptMessage{{Role: mcp.RoleUser, Content: tt.want}}, got.Messages)
	}
	var got getPromptResult
	require.NoError(t, decodeText(got.decoder(false), `{"messages":[{"content":[{"type":"text"}]}]}`))
	require.ErrorContains(t, got.Messages[0].Content.(unknownContent).Err, "expected object")
}
