package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

func TestContentTypes(t *testing.T) {
	content := decodeCall(t, fullCall).Content
	with := mcp.Annotated{Annotations: &mcp.Annotations{
		Audience: []mcp.Role{"user", "assistant", "other"}, Priority: pointer(0.5), LastModified: "2026-01-12T15:00:58Z",
	}}
	meta := &mcp.Meta{
		ProgressToken:    json.Number("7"),
		AdditionalFields: map[string]any{"a/b": json.RawMessage(`{"n":9007199254740993}`)},
	}
	require.Equal(t, []mcp.Content{
		mcp.TextContent{Annotated: with, Meta: meta, Type: "text", Text: "aé\n"},
		mcp.ImageContent{Annotated: with, Meta: meta, Type: "image", Data: "AQID", MIMEType: "image/png"},
		mcp.AudioContent{Annotated: with, Meta: meta, Type: "audio", Data: "AQI=", MIMEType: "audio/wav"},
		mcp.ResourceLink{
			Annotated: with, Meta: meta, Type: "resource_link", URI: "file:///a", Name: "a", Title: "A", Description: "d",
			MIMEType: "text/plain", Size: pointer(int64(3)),
		},
		mcp.EmbeddedResource{Annotated: with, Meta: meta, Type: "resource", Resource: mcp.TextResourceContents{
			Meta: map[string]any{"m": json.RawMessage(`1`)}, URI: "file:///a", MIMEType: "text/plain", Text: "t",
		}},
		mcp.EmbeddedResource{Type: "resource", Resource: mcp.BlobResourceContents{
			URI: "file:///b", MIMEType: "x/y", Blob: "AQID",
		}},
		mcp.ToolUseContent{
			Annotated: with, Meta: meta, Type: "tool_use", ID: "1", Name: "n",
			Input: json.RawMessage(`{"big":9007199254740993}`),
		},
		mcp.ToolResultContent{
			Annotated: with, Meta: meta, Type: "tool_result", ToolUseID: "1",
			Content:           []mcp.Content{mcp.TextContent{Type: "text", Text: "in"}},
			StructuredContent: json.RawMessage(`[1]`), RawStructuredContent: json.RawMessage(`[1]`), IsError: true,
		},
		unknownContent{Type: "hologram", Raw: json.RawMessage(`{"type":"hologram","points":[1,2]}`)},
	}, content)
}

// The order of members does not matter, even if the type comes last or twice.
func TestContentMemberOrder(t *testing.T) {
	for _, tt := range []struct {
		item string
		want mcp.Content
	}{
		{`{"text":"x","type":"text"}`, mcp.TextContent{Type: "text", Text: "x"}},
		{`{"annotations":null,"_meta":null,"text":"x","type":"text"}`, mcp.TextContent{Type: "text", Text: "x"}},
		{`{"data":"AQID","text":7,"mimeType":"m","type":"image"}`, mcp.ImageContent{Type: "image", Data: "AQID", MIMEType: "m"}},
		{`{"type":"text","text":"a","text":"b"}`, mcp.TextContent{Type: "text", Text: "b"}},
		{`{"type":"text","text":"a","text":null}`, mcp.TextContent{Type: "text"}},
		{`{"type":"text","type":"text","text":"a"}`, mcp.TextContent{Type: "text", Text: "a"}},
		{`{"type":"audio","text":"x","data":"AQID","type":"text"}`, mcp.TextContent{Type: "text", Text: "x"}},
		{`{"type":"hologram","text":"x","type":"text"}`, mcp.TextContent{Type: "text", Text: "x"}},
		{`{"text":"x","type":"image","type":"text"}`, mcp.TextContent{Type: "text", Text: "x"}},
		{`{"\u0074ype":"te\u0078t","te\u0078t":"x"}`, mcp.TextContent{Type: "text", Text: "x"}},
		{`{"type":"text","Text":"x","TEXT":"y"}`, mcp.TextContent{Type: "text"}},
		{`{"type":"text","text":"x","future":{"type":"image"}}`, mcp.TextContent{Type: "text", Text: "x"}},
		{`{"type":"text","_meta":{"a":1},"text":"x","_meta":{"b":2}}`, mcp.TextContent{
			Type: "text", Text: "x", Meta: &mcp.Meta{AdditionalFields: map[string]any{"b": json.RawMessage("2")}},
		}},
		{`{"type":"resource","resource":{"text":"x","uri":"u"},"resource":{"blob":"","uri":"v"}}`,
			mcp.EmbeddedResource{Type: "resource", Resource: mcp.BlobResourceContents{URI: "v"}}},
		{`{"type":"resource","resource":{"blob":null,"text":"","uri":"u"}}`,
			mcp.EmbeddedResource{Type: "resource", Resource: mcp.TextResourceContents{URI: "u"}}},
		{`{"type":"resource","resource":{"blob":"AQID","text":"t"}}`,
			mcp.EmbeddedResource{Type: "resource", Resource: mcp.TextResourceContents{Text: "t"}}},
	} {
		t.Run(tt.item, func(t *testing.T) {
			got := decodeCall(t, `{"content":[`+tt.item+`,{"type":"text","text":"next"}]}`).Content
			require.Equal(t, []mcp.Content{tt.want, mcp.TextContent{Type: "text", Text: "next"}}, got)
		})
	}
}

// An invalid item does not affect its neighbors, and its bytes are kept.
func TestInvalidContent(t *testing.T) {
	for _, tt := range []struct{ item, kind, err string }{
		{`{"type":"hologram", "x" : [ 9007199254740993 ]}`, "hologram", ""},
		{`{"x":1,"type":"hologram"}`, "hologram", ""},
		{`{"type":"","text":"x"}`, "", ""},
		{`{"type":"TEXT","text":"x"}`, "TEXT", ""},
		{`{"text":"x"}`, "", `no "type"`},
		{`{}`, "", `no "type"`},
		{`{"type":5,"text":"x"}`, "", "type: expected string, got number"},
		{`{"type":null,"text":"x"}`, "", "type: expected string, got null"},
		{`{"type":"text","text":"x","type":null}`, "", "type: expected string, got null"},
		{`null`, "", "expected object"},
		{`"text"`, "", "expected object"},
		{`[{"type":"text"}]`, "", "expected object"},
		{`{"type":"text","text":5}`, "text", "text: expected string, got number"},
		{`{"text":5,"type":"text"}`, "text", "text: expected string, got number"},
		{`{"type":"text","text":"x","annotations":{"audience":[null]}}`, "text", "annotations.audience[0]: expected string, got null"},
		{`{"type":"image","data":"AQI","mimeType":"m"}`, "image", "data: not base64"},
		{`{"type":"image","data":"AQ-_","mimeType":"m"}`, "image", "data: not base64"},
		{`{"type":"image","data":"A\u0000ID"}`, "image", "data: not base64"},
		{`{"type":"audio","data":"data:audio/wav;base64,AQID"}`, "audio", "data: not base64"},
		{`{"type":"audio","data":[1]}`, "audio", "data: expected string, got array"},
		{`{"type":"resource_link","uri":"u","size":"big"}`, "resource_link", "size: expected number, got string"},
		{`{"type":"resource"}`, "resource", `no "resource"`},
		{`{"type":"resource","resource":null}`, "resource", "resource: expected object, got null"},
		{`{"type":"resource","resource":"u"}`, "resource", "resource: expected object, got string"},
		{`{"type":"resource","resource":{"uri":"u"}}`, "resource", `resource: neither "text" nor "blob"`},
		{`{"type":"resource","resource":{"uri":"u","text":null}}`, "resource", `resource: neither "text" nor "blob"`},
		{`{"type":"resource","resource":{"uri":"u","blob":"?"}}`, "resource", "resource.blob: not base64"},
		{`{"type":"resource","resource":{"uri":"u","text":{}}}`, "resource", "resource.text: expected string, got object"},
		{`{"type":"tool_use","id":1}`, "tool_use", "id: expected string, got number"},
		{`{"type":"tool_result","content":"x"}`, "tool_result", "content: expected array, got string"},
	} {
		t.Run(tt.item, func(t *testing.T) {
			got := decodeCall(t, `{"content":[{"type":"text","text":"a"},`+tt.item+`,{"type":"text","text":"b"}]}`).Content
			require.Len(t, got, 3)
			require.Equal(t, mcp.TextContent{Type: "text", Text: "a"}, got[0])
			require.Equal(t, mcp.TextContent{Type: "text", Text: "b"}, got[2])
			require.IsType(t, unknownContent{}, got[1])
			unknown := got[1].(unknownContent)
			require.Equal(t, tt.item, string(unknown.Raw))
			require.Equal(t, tt.kind, unknown.Type)
			if tt.err == "" {
				require.NoError(t, unknown.Err)
			} else {
				require.ErrorContains(t, unknown.Err, tt.err)
			}
		})
	}
}

// A tool_result inside a tool_result is kept raw at any depth. An invalid item inside a tool_result
// does not affect the rest.
func TestNestedToolResult(t *testing.T) {
	const inner = `{"content":[{"content":[],"type":"tool_result"}],"type":"tool_result"}`
	const image = `{"type":"image","data":"?"}`
	got := decodeCall(t, `{"content":[{"type":"tool_result","toolUseId":"1","content":[`+inner+`,`+image+`]}]}`).Content
	result := got[0].(mcp.ToolResultContent)
	require.Equal(t, "1", result.ToolUseID)
	require.Equal(t, unknownContent{Type: "tool_result", Raw: json.RawMessage(inner), Err: ErrNested}, result.Content[0])
	require.Equal(t, image, string(result.Content[1].(unknownContent).Raw))
	require.ErrorIs(t, result.Content[1].(unknownContent).Err, ErrBase64)
}

func TestContentAbsent(t *testing.T) {
	for _, text := range []string{`{}`, `{"content":null}`, `{"content":[]}`, `{"content":[{"type":"text"}],"content":null}`} {
		require.Empty(t, decodeCall(t, text).Content, text)
	}
}

func TestCallToolResultFields(t *testing.T) {
	got := decodeCall(t, fullCall)
	require.True(t, got.IsError)
	require.Equal(t, mcp.ResultTypeComplete, got.ResultType)
	require.Equal(t, &mcp.Meta{AdditionalFields: map[string]any{"k": json.RawMessage(`"v"`)}}, got.Meta)
	require.Nil(t, got.Raw)

	require.False(t, decodeCall(t, `{"isError":true,"isError":null}`).IsError)
	require.True(t, decodeCall(t, `{"isError":false,"isError":true}`).IsError)
	require.Equal(t, "s", decodeCall(t, `{"requestState":"s"}`).RequestState)
}

// Structured content is any JSON value and is kept byte for byte.
func TestStructuredContent(t *testing.T) {
	for _, text := range []string{
		`{"id":9007199254740993,"f":1.10,"e":1E5}`, `9007199254740993`, `[ 1,  2 ]`, `"\u00e9"`, `null`, `false`, `{"a":{"b":[{}]}}`,
	} {
		got := decodeCall(t, `{"structuredContent":0,"content":[],"structuredContent" : `+text+` }`)
		require.Equal(t, text, string(got.RawStructuredContent))
		require.Equal(t, json.RawMessage(text), got.StructuredContent)
	}
	got := decodeCall(t, `{"content":[]}`)
	require.Nil(t, got.RawStructuredContent)
	require.True(t, got.StructuredContent == nil, "expected a nil interface, not one that holds a nil slice")
}

func TestCallToolResultRaw(t *testing.T) {
	raw := func(keep bool, text string) string {
		out := new(callToolResult)
		require.NoError(t, decodeText(out.decoder(keep), "\t"+text+"\n"))
		return string(out.Raw)
	}
	require.Equal(t, fullCall, raw(true, fullCall))
	require.Empty(t, raw(false, fullCall))
	// Only the extension that defines this result type can decode it.
	const task = `{ "resultType":"task", "taskId":"1" }`
	require.Equal(t, task, raw(false, task))
	require.Equal(t, task, raw(true, task))
	require.Empty(t, raw(false, `{"resultType":"input_required","requestState":"x"}`))

	plain, kept := decodeCall(t, fullCall), new(callToolResult)
	require.NoError(t, decodeText(kept.decoder(true), fullCall))
	require.Equal(t, plain.CallToolResult, kept.CallToolResult)
}

func TestLargeTextIsWhole(t *testing.T) {
	want := strings.Repeat("0123456789\n\"é\U0001f600\\", 50_000)
	data, err := json.Marshal(mcp.NewToolResultText(want))
	require.NoError(t, err)
	require.Equal(t, want, decodeCall(t, string(data)).Content[0].(mcp.TextContent).Text)
}
