package toolspec_test

import (
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

func TestEncodedAnswers(t *testing.T) {
	gif := "R0lGODlh"
	answer := answerOf(mcp.TextContent{Type: "text", Text: "<ok>"}, image(png, "image/png"), image(gif, "image/gif"),
		mcp.EmbeddedResource{Type: "resource", Resource: mcp.BlobResourceContents{URI: "x", Blob: pdf}},
		mcp.AudioContent{Type: "audio", Data: "QQ==", MIMEType: "audio/wav"})
	text := `<ok>\n[image, image/png, 13 bytes]\n[image, image/gif, 6 bytes]\n[resource, x, application/pdf, 8 bytes]\n[audio, audio/wav, 1 bytes]`
	for name, want := range map[string]string{
		"openai-chat": `{"role":"tool","tool_call_id":"c1","content":"` + text + `\n[4 of these cannot be shown to you]"}`,
		"openai-responses": `{"type":"function_call_output","call_id":"c1","output":[
			{"type":"input_text","text":"` + text + `\n[1 of these cannot be shown to you]"},
			{"type":"input_image","image_url":"data:image/png;base64,` + png + `"},{"type":"input_image","image_url":"data:image/gif;base64,R0lGODlh"},
			{"type":"input_file","filename":"file-3.pdf","file_data":"data:application/pdf;base64,` + pdf + `"}]}`,
		"anthropic": `{"type":"tool_result","tool_use_id":"c1","content":[
			{"type":"text","text":"` + text + `\n[1 of these cannot be shown to you]"},
			{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + png + `"}},
			{"type":"image","source":{"type":"base64","media_type":"image/gif","data":"R0lGODlh"}},
			{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"` + pdf + `"}}]}`,
		"gemini": `{"functionResponse":{"id":"c1","name":"shop__buy","response":{"output":"` + text + `\n[2 of these cannot be shown to you]"},"parts":[
			{"inlineData":{"mimeType":"image/png","data":"` + png + `"}},{"inlineData":{"mimeType":"application/pdf","data":"` + pdf + `"}}]}}`,
		"bedrock": `{"toolResult":{"toolUseId":"c1","content":[{"text":"` + text + `\n[1 of these cannot be shown to you]"},
			{"image":{"format":"png","source":{"bytes":"` + png + `"}}},{"image":{"format":"gif","source":{"bytes":"R0lGODlh"}}},
			{"document":{"format":"pdf","name":"file-3","source":{"bytes":"` + pdf + `"}}}]}}`,
	} {
		message, err := answer.Encode(dialects[name], "c1", "shop__buy")
		require.NoError(t, err)
		require.JSONEq(t, want, string(message), name)
		require.Contains(t, string(message), "<ok>", "markup is not escaped")
	}
}

func TestEncodedErrors(t *testing.T) {
	failed := toolspec.Answer{Text: "no", IsError: true}
	for name, want := range map[string]string{
		"openai-chat":      `{"role":"tool","tool_call_id":"","content":"no"}`,
		"openai-responses": `{"type":"function_call_output","call_id":"","output":"no"}`,
		"anthropic":        `{"type":"tool_result","tool_use_id":"","content":[{"type":"text","text":"no"}],"is_error":true}`,
		"gemini":           `{"functionResponse":{"name":"f","response":{"error":"no"}}}`,
		"bedrock":          `{"toolResult":{"toolUseId":"","content":[{"text":"no"}],"status":"error"}}`,
	} {
		message, err := failed.Encode(dialects[name], "", "f")
		require.NoError(t, err)
		require.JSONEq(t, want, string(message), name)
	}
}
