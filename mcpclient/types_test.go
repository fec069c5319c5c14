package mcpclient_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// The types have methods with the names of the fields InputSchema, OutputSchema and
// StructuredContent of package mcp. The methods hide the fields, because the fields cannot hold the
// exact values.
func TestShadowedFields(t *testing.T) {
	const schema = `{"type":"object","oneOf":[{"x":9007199254740993}]}`
	var tool mcpclient.Tool
	require.NoError(t, json.Unmarshal([]byte(`{"name":"t","inputSchema":`+schema+`,"outputSchema":`+schema+`}`), &tool))
	require.Equal(t, schema, string(tool.InputSchema()))
	require.Equal(t, schema, string(tool.OutputSchema()))
	require.Nil(t, mcpclient.Tool{}.OutputSchema())
	for _, value := range []any{tool, &tool, []mcpclient.Tool{tool}} {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.Contains(t, string(text), `"inputSchema":`+schema)
		require.Contains(t, string(text), `"outputSchema":`+schema)
	}

	var result mcpclient.CallToolResult
	require.NoError(t, json.Unmarshal([]byte(`{"content":[{"type":"text","text":"a"},{"type":"image","data":"","mimeType":"x"},`+
		`{"type":"text","text":"b"}],"structuredContent":{"n":9007199254740993}}`), &result))
	require.Equal(t, `{"n":9007199254740993}`, string(result.StructuredContent()))
	require.Equal(t, "a\nb", result.Text())
	require.Nil(t, new(mcpclient.CallToolResult).StructuredContent())
	require.Empty(t, new(mcpclient.CallToolResult).Text())
	text, err := json.Marshal(&result)
	require.NoError(t, err)
	require.Contains(t, string(text), `"structuredContent":{"n":9007199254740993}`)
	own := mcpclient.CallToolResult{CallToolResult: mcp.CallToolResult{StructuredContent: map[string]int{"n": 1}}}
	decoded, err := mcpclient.Decode[map[string]int](&own)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"n": 1}, decoded)
}

func TestEndpointAndDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newServer(mode{mcptest.Modern, false}).InMemory(t)
		s, err := connectTo(t.Context(), link.URL+"?key=secret", &mcpclient.Options{Transport: link.Transport})
		require.NoError(t, err)
		require.Equal(t, link.URL, s.Endpoint())
		select {
		case <-s.Done():
			t.Error("Done is not closed")
		default:
		}
		require.NoError(t, s.Close())
		<-s.Done()
	})
}

// If arguments are not valid JSON, the error names the offset. If they are JSON but not an object,
// the error names the kind of value.
func TestArgumentsThatAreNoObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newServer(mode{mcptest.Modern, false}), mcpclient.Options{})
		for args, want := range map[string]string{
			"not json": "must be a JSON object: not valid JSON: ",
			"True":     "must be a JSON object: not valid JSON: ",
			`{"a":}`:   "at offset 5",
			"[1]":      "must be a JSON object, got array",
			"7":        "must be a JSON object, got number",
		} {
			_, err := s.CallTool(t.Context(), "echo", json.RawMessage(args))
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, `arguments of tool "echo"`)
			require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
		}
	})
}
