package mcpclient

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/safeurl"
	"github.com/hawser-mcp/hawser/mcpclient/form"
)

func TestDecodeElicitationForm(t *testing.T) {
	for _, mode := range []string{``, `"mode":"form",`, `"mode":"",`, `"mode":null,`} {
		params := json.RawMessage(`{` + mode + `"message":"Who are you?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}},` +
			`"required":["name"]},"_meta":{"k":"v","progressToken":9007199254740993}}`)
		request, page, err := decodeElicitation(params, modernVersion)
		require.NoError(t, err)
		require.Nil(t, page)
		require.Equal(t, "Who are you?", request.Message)
		require.Equal(t, []form.Field{{Name: "name", Kind: form.String, Required: true}}, request.Form.Fields)
		require.Equal(t, json.Number("9007199254740993"), request.Meta.ProgressToken)
		require.Equal(t, map[string]any{"k": json.RawMessage(`"v"`)}, request.Meta.AdditionalFields)
		require.Equal(t, string(params), string(request.Raw))
	}
	request, _, err := decodeElicitation(json.RawMessage(`{"requestedSchema":{},"future":[1]}`), legacyVersion)
	require.NoError(t, err)
	require.Empty(t, request.Message)
	require.Nil(t, request.Meta)
	require.Empty(t, request.Form.Fields)
}

func TestDecodeElicitationURL(t *testing.T) {
	params := json.RawMessage(`{"elicitationId":"e-1","url":"https://mcp.example.com/ui/set_api_key?a=%20#b","message":"Your key","mode":"url","_meta":null}`)
	for version, id := range map[string]string{legacyVersion: "e-1", modernVersion: ""} {
		request, page, err := decodeElicitation(params, version)
		require.NoError(t, err)
		require.Nil(t, request)
		require.Equal(t, "https://mcp.example.com/ui/set_api_key?a=%20#b", page.URL.String())
		require.Equal(t, "mcp.example.com", page.URL.Host)
		require.Equal(t, URLRequest{Message: "Your key", URL: page.URL, ElicitationID: id, Raw: params}, *page)
		require.Nil(t, page.Warnings)
		require.Equal(t, (*mcp.Meta)(nil), page.Meta)
	}
}

func TestDecodeElicitationRefuses(t *testing.T) {
	for params, want := range map[string]string{
		``:                                       "got the end of the text",
		`null`:                                   "expected object",
		`[]`:                                     "expected object",
		`{}`:                                     `no "requestedSchema"`,
		`{"mode":"form","requestedSchema":null}`: `no "requestedSchema"`,
		`{"mode":"url","requestedSchema":{}}`:    `no "url"`,
		`{"mode":"url","url":null}`:              `no "url"`,
		`{"mode":"url","url":1}`:                 "url: expected string, got number",
		`{"mode":"URL","url":"https://a.example/"}`:           "unknown mode URL",
		`{"mode":"\u001b[2J` + strings.Repeat("x", 99) + `"}`: `unknown mode "\x1b[2Jxxx`,
		`{"mode":1}`:                                            "mode: expected string",
		`{"message":[],"requestedSchema":{}}`:                   "message: expected string",
		`{"requestedSchema":[]}`:                                "requestedSchema: ",
		`{"requestedSchema":{"properties":{"a":{"$ref":"x"}}}}`: "requestedSchema: properties.a: not a string",
		`{"requestedSchema":{}} {}`:                             "end of the text",
		`{"mode":"url","url":"http://a.example/?token=s3cret"}`: "url: must be https",
	} {
		request, page, err := decodeElicitation(json.RawMessage(params), legacyVersion)
		require.ErrorContains(t, err, want, params)
		require.Nil(t, request)
		require.Nil(t, page)
		require.NotContains(t, err.Error(), "s3cret")
		require.Less(t, len(err.Error()), 200)
	}
}

func TestDecodeElicitationLimits(t *testing.T) {
	for what, params := range map[string]string{
		"bytes in a URL":    `{"mode":"url","url":"https://a.example/` + strings.Repeat("x", safeurl.MaxLength) + `"}`,
		"digits in a bound": `{"requestedSchema":{"properties":{"a":{"minimum":` + strings.Repeat("1", 1001) + `}}}}`,
	} {
		_, _, err := decodeElicitation(json.RawMessage(params), legacyVersion)
		var limit *LimitError
		require.ErrorAs(t, err, &limit)
		require.Equal(t, what, limit.What)
	}
}
