package mcpclient

import (
	"encoding/json"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

func TestPromptsPage(t *testing.T) {
	var page PromptsPage
	require.NoError(t, decodeText(&promptsPageDecoder{out: &page}, fullPrompts))
	require.Len(t, page.Prompts, 1)
	require.Equal(t, mcp.Prompt{
		Meta: &mcp.Meta{AdditionalFields: map[string]any{"k": json.RawMessage(`"v"`)}},
		Name: "n", Title: "t", Description: "d", Icons: wantIcons,
		Arguments: []mcp.PromptArgument{{Name: "a", Title: "A", Description: "ad", Required: true}},
	}, page.Prompts[0].Prompt)
	require.Contains(t, string(page.Prompts[0].Raw), `"future":1`)
	require.Equal(t, pointer("c"), page.NextCursor)
}

func TestGetPromptResult(t *testing.T) {
	var got GetPromptResult
	require.NoError(t, decodeText(&getPromptDecoder{out: &got}, fullPrompt))
	require.Equal(t, "d", got.Description)
	require.Equal(t, []mcp.PromptMessage{
		{Role: mcp.RoleUser, Content: mcp.TextContent{Type: "text", Text: "hi"}},
		{Role: mcp.RoleAssistant, Content: mcp.ImageContent{Type: "image", Data: "AQID", MIMEType: "image/png"}},
	}, got.Messages)
	require.Equal(t, &mcp.Meta{AdditionalFields: map[string]any{"k": json.RawMessage(`"v"`)}}, got.Meta)
	require.Nil(t, got.Raw)

	require.NoError(t, decodeText(&getPromptDecoder{out: &got, keepRaw: true}, fullPrompt))
	require.Equal(t, fullPrompt, string(got.Raw))
}

func TestPromptMessageContent(t *testing.T) {
	for _, tt := range []struct {
		message string
		want    UnknownContent
	}{
		{`{"role":"user"}`, UnknownContent{Err: errNoContent}},
		{`{"role":"user","content":{"type":"future"}}`, UnknownContent{Type: "future", Raw: json.RawMessage(`{"type":"future"}`)}},
		{`{"content":{"x":1},"role":"user"}`, UnknownContent{Raw: json.RawMessage(`{"x":1}`), Err: errNoType}},
	} {
		var got GetPromptResult
		require.NoError(t, decodeText(&getPromptDecoder{out: &got}, `{"messages":[`+tt.message+`]}`))
		require.Equal(t, []mcp.PromptMessage{{Role: mcp.RoleUser, Content: tt.want}}, got.Messages)
	}
	var got GetPromptResult
	require.NoError(t, decodeText(&getPromptDecoder{out: &got}, `{"messages":[{"content":[{"type":"text"}]}]}`))
	require.ErrorContains(t, got.Messages[0].Content.(UnknownContent).Err, "object wanted")
}
