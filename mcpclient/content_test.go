package mcpclient

import (
	"encoding/json"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

// Content of an unknown type marshals to the bytes that were received.
func TestUnknownMarshalsToItsBytes(t *testing.T) {
	const item = `{"type":"hologram","id":9007199254740993}`
	got := decodeCall(t, `{"content":[`+item+`]}`)
	data, err := json.Marshal(got)
	require.NoError(t, err)
	require.Equal(t, `{"content":[`+item+`]}`, string(data))

	data, err = json.Marshal(&got.Content[0])
	require.NoError(t, err)
	require.Equal(t, item, string(data))

	var contents mcp.ResourceContents = UnknownResourceContents{Raw: json.RawMessage(item)}
	data, err = json.Marshal(contents)
	require.NoError(t, err)
	require.Equal(t, item, string(data))
}

func TestUnknownWithoutBytesMarshalsToNull(t *testing.T) {
	data, err := json.Marshal([]any{UnknownContent{Type: "x"}, UnknownResourceContents{}})
	require.NoError(t, err)
	require.Equal(t, `[null,null]`, string(data))
}

// json.Unmarshal uses the client's decoders for these types, so it loses nothing either.
func TestUnmarshalJSON(t *testing.T) {
	var call CallToolResult
	require.NoError(t, json.Unmarshal([]byte(fullCall), &call))
	require.Equal(t, decodeCall(t, fullCall), &call)

	var page struct{ Tools []Tool }
	require.NoError(t, json.Unmarshal([]byte(fullTools), &page))
	require.Equal(t, `{ "type":"object" }`, string(page.Tools[0].RawInputSchema))
	require.Contains(t, string(page.Tools[0].Raw), `"future":{"a":1}`)

	var prompts struct{ Prompts []Prompt }
	require.NoError(t, json.Unmarshal([]byte(fullPrompts), &prompts))
	require.Equal(t, "n", prompts.Prompts[0].Name)
	var resources struct{ Resources []Resource }
	require.NoError(t, json.Unmarshal([]byte(fullResources), &resources))
	require.Equal(t, "file:///a", resources.Resources[0].URI)
	var templates struct{ ResourceTemplates []ResourceTemplate }
	require.NoError(t, json.Unmarshal([]byte(fullTemplates), &templates))
	require.Equal(t, "file:///{path}", templates.ResourceTemplates[0].RawURITemplate)
	var prompt GetPromptResult
	require.NoError(t, json.Unmarshal([]byte(fullPrompt), &prompt))
	require.Len(t, prompt.Messages, 2)
	var read ReadResourceResult
	require.NoError(t, json.Unmarshal([]byte(fullRead), &read))
	require.Len(t, read.Contents, 2)

	tool := Tool{Tool: mcp.Tool{Name: "kept"}}
	require.NoError(t, json.Unmarshal([]byte(`null`), &tool))
	require.Equal(t, "kept", tool.Name)
	require.Error(t, json.Unmarshal([]byte(`{"title":"no name"}`), &tool))
	require.Equal(t, "kept", tool.Name)
}
