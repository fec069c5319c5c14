package toolspec_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// png is the signature of a PNG image, which is enough to recognize it.
var png = base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n....."))

// result returns a result with this JSON as its members.
func result(t *testing.T, members string) *mcpclient.CallToolResult {
	t.Helper()
	r := new(mcpclient.CallToolResult)
	require.NoError(t, json.Unmarshal([]byte("{"+members+"}"), r))
	return r
}

func TestAnswerOfResult(t *testing.T) {
	for _, test := range []struct{ story, members, text string }{
		{"text", `"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]`, "a\nb"},
		{"text that repeats the structured content", `"content":[{"type":"text","text":"a"}],"structuredContent":{"x":1}`, "a"},
		{"structured content only", `"content":[],"structuredContent":{"x": 12345678901234567890}`, `{"x": 12345678901234567890}`},
		{"empty text", `"content":[{"type":"text","text":""}],"structuredContent":[]`, `[]`},
		{"nothing", `"content":[]`, "The tool returned nothing."},
		{"an image", `"content":[{"type":"image","data":"` + png + `","mimeType":"image/png"}],"structuredContent":{"x":1}`, "[image, image/png, 13 bytes]\n{\"x\":1}"},
		{"a link", `"content":[{"type":"resource_link","uri":"file:///a","name":"a","mimeType":"text/plain","description":"all\nof it"}]`,
			"[link, file:///a, a, text/plain, all of it]"},
		{"an embedded text", `"content":[{"type":"resource","resource":{"uri":"file:///a","mimeType":"text/plain","text":"hello"}}]`,
			"[resource, file:///a, text/plain]\nhello"},
		{"content of another type", `"content":[{"type":"hologram","data":"x"}]`, "[content that cannot be shown, hologram]"},
		{"a resource without contents", `"content":[{"type":"resource","resource":{"uri":"x"}}]`, "[content that cannot be shown, resource]"},
	} {
		answer := toolspec.AnswerOf(result(t, test.members), nil, 0)
		require.Equal(t, test.text, answer.Text, test.story)
		require.False(t, answer.IsError)
		require.Zero(t, answer.Truncated)
	}
}

func TestAnswerOfFailure(t *testing.T) {
	reported := result(t, `"isError":true,"content":[{"type":"text","text":"no such user"}]`)
	for _, test := range []struct {
		story string
		r     *mcpclient.CallToolResult
		err   error
		text  string
	}{
		{"the tool failed", reported, nil, "The tool reported an error.\nno such user"},
		{"a typed call of a tool that failed", nil, fmt.Errorf("wrapped: %w", &mcpclient.ToolError{Tool: "t", Result: reported}),
			"The tool reported an error.\nno such user"},
		{"not run", nil, &mcpclient.Error{Kind: mcpclient.KindNotSent, Method: "tools/call", Outcome: mcpclient.NotRun, Err: errors.New("no route")},
			"The call failed. The tool did not run.\nError: mcp tools/call: not sent: no route"},
		{"answered", nil, &mcpclient.Error{Kind: mcpclient.KindServer, Method: "tools/call", Outcome: mcpclient.Answered, Err: errors.New("no")},
			"The call failed. The server answered with an error, and may have acted on the call.\nError: mcp tools/call: server error: no"},
		{"unknown", nil, &mcpclient.Error{Kind: mcpclient.KindOutcomeUnknown, Method: "tools/call", Err: errors.New("reset")},
			"The call failed. The tool may have run: its answer was lost. Find out whether it did before you call it again.\n" +
				"Error: mcp tools/call: outcome unknown: reset"},
		{"an error of another kind", nil, errors.New("boom"),
			"The call failed. The tool may have run: its answer was lost. Find out whether it did before you call it again.\nError: boom"},
		{"neither result nor error", nil, nil, "The call returned no result."},
		{"input is required", &mcpclient.CallToolResult{Input: new(mcpclient.InputRequired)}, nil, "The server requires input before it answers the call."},
	} {
		answer := toolspec.AnswerOf(test.r, test.err, 0)
		require.Equal(t, test.text, answer.Text, test.story)
		require.True(t, answer.IsError, test.story)
	}
}

// A text is cut at the end of a character, and its last line says how much is missing.
func TestTextIsBounded(t *testing.T) {
	text := strings.Repeat("é€𝄞", 200)
	whole := result(t, `"content":[{"type":"text","text":"`+text+`"},{"type":"text","text":"`+text+`"}]`)
	for limit := 1; limit < 4_000; limit += 7 {
		answer := toolspec.AnswerOf(whole, nil, limit)
		require.LessOrEqual(t, len(answer.Text), max(limit, 512))
		require.True(t, utf8.ValidString(answer.Text))
		require.NotContains(t, answer.Text, "\uFFFD")
		shown, note, cut := strings.Cut(answer.Text, "\n[cut: ")
		require.Equal(t, answer.Truncated > 0, cut)
		require.True(t, strings.HasPrefix(text+"\n"+text, shown))
		if cut {
			require.Equal(t, fmt.Sprintf("%d more bytes]", answer.Truncated), note)
			require.InDelta(t, 2*len(text), len(shown)+answer.Truncated, 1)
		}
	}
	exact := toolspec.AnswerOf(whole, nil, 2*len(text)+1)
	require.Zero(t, exact.Truncated)
	require.Equal(t, text+"\n"+text, exact.Text)
}

// A huge text is neither copied nor scanned.
func TestHugeText(t *testing.T) {
	huge := new(mcpclient.CallToolResult)
	huge.Content = []mcp.Content{mcp.TextContent{Type: "text", Text: strings.Repeat("x", 64<<20)}}
	huge.RawStructuredContent = nil
	var answer toolspec.Answer
	bytes := testing.AllocsPerRun(1, func() { answer = toolspec.AnswerOf(huge, nil, 0) })
	require.Less(t, bytes, 50.0)
	require.LessOrEqual(t, len(answer.Text), 32<<10)
	require.Greater(t, answer.Truncated, 63<<20)

	huge = &mcpclient.CallToolResult{}
	huge.RawStructuredContent = json.RawMessage(`"` + strings.Repeat("é", 1<<20) + `"`)
	answer = toolspec.AnswerOf(huge, nil, 1_001)
	require.True(t, utf8.ValidString(answer.Text))
	require.LessOrEqual(t, len(answer.Text), 1_001)

	answer = toolspec.AnswerOf(nil, errors.New(strings.Repeat("\xff", 1<<20)), 0)
	require.True(t, utf8.ValidString(answer.Text))
	require.LessOrEqual(t, len(answer.Text), 32<<10)
	require.Contains(t, answer.Text, "may have run")
}

func image(data, mimeType string) mcp.Content {
	return mcp.ImageContent{Type: "image", Data: data, MIMEType: mimeType}
}

func answerOf(content ...mcp.Content) toolspec.Answer {
	r := new(mcpclient.CallToolResult)
	r.Content = content
	return toolspec.AnswerOf(r, nil, 0)
}

func TestMediaAreParts(t *testing.T) {
	wav := base64.StdEncoding.EncodeToString([]byte("sound"))
	answer := answerOf(
		image(png, "image/png"), mcp.AudioContent{Type: "audio", Data: wav, MIMEType: "audio/x-own"},
		mcp.EmbeddedResource{Type: "resource", Resource: mcp.BlobResourceContents{URI: "file:///a.pdf", MIMEType: "text/html", Blob: pdf}},
	)
	require.Equal(t, []toolspec.Part{
		{MIMEType: "image/png", Data: png}, {MIMEType: "audio/x-own", Data: wav}, {MIMEType: "application/pdf", Name: "file:///a.pdf", Data: pdf},
	}, answer.Parts)
	require.Equal(t, "[image, image/png, 13 bytes]\n[audio, audio/x-own, 5 bytes]\n[resource, file:///a.pdf, application/pdf, 8 bytes]", answer.Text)
}

var pdf = base64.StdEncoding.EncodeToString([]byte("%PDF-1.7"))

// An API refuses the whole conversation, now and later, if an image is not of its declared type.
func TestTypesOfMedia(t *testing.T) {
	text := base64.StdEncoding.EncodeToString([]byte("just text"))
	for _, test := range []struct{ declared, data, want string }{
		{"image/png", png, "image/png"},
		{"image/jpeg", png, "image/png"},
		{"", png, "image/png"},
		{"image/png", text, "application/octet-stream"},
		{"IMAGE/PNG; x=y", text, "application/octet-stream"},
		{"image/svg+xml", text, "image/svg+xml"},
		{"text/plain\n]", text, "text/plain ]"},
		{"", text, "application/octet-stream"},
	} {
		answer := answerOf(image(test.data, test.declared))
		require.Len(t, answer.Parts, 1, test.declared)
		require.Equal(t, test.want, answer.Parts[0].MIMEType, test.declared)
		require.NotContains(t, answer.Text, "\n")
	}
	for _, data := range []string{"", "!", "QQ", "QQ=", "QQ==\n", "QR==", "Q-_=", png + "=", png[:5]} {
		answer := answerOf(image(data, "image/png"))
		require.Empty(t, answer.Parts, "%q", data)
		require.Equal(t, "[image, image/png, left out: its data is not base64]", answer.Text, "%q", data)
	}
}

func TestMediaAreBounded(t *testing.T) {
	large := base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n" + strings.Repeat(".", 3<<20)))
	answer := answerOf(image(large, "image/png"), image(large, "image/png"), image(png, "image/png"))
	require.Len(t, answer.Parts, 2, "the small image still fits")
	require.Equal(t, "[image, image/png, 3145736 bytes]\n"+
		"[image, image/png, 3145736 bytes, left out: a result may have 5 MiB of such data]\n[image, image/png, 13 bytes]", answer.Text)

	many := make([]mcp.Content, 100)
	for i := range many {
		many[i] = image(png, "image/png")
	}
	answer = answerOf(many...)
	require.Len(t, answer.Parts, 16)
	require.Contains(t, answer.Text, "left out: a result may have 16 such parts")
}
