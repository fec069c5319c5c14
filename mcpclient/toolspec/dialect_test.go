package toolspec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/schema"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

var dialects = map[string]toolspec.Dialect{
	"openai-chat": toolspec.OpenAIChat, "openai-responses": toolspec.OpenAIResponses, "anthropic": toolspec.Anthropic,
	"gemini": toolspec.Gemini, "bedrock": toolspec.Bedrock,
}

// The lists of server-everything, and of tools whose schemas made an API refuse the whole request.
// The descriptions of the latter name the reports.
func TestEncodedLists(t *testing.T) {
	for _, list := range []string{"everything", "refused"} {
		functions := toolspec.Functions(list, recorded(t, list+".json"))
		for name, d := range dialects {
			t.Run(name+"/"+list, func(t *testing.T) {
				encoded, misfits, err := d.Encode(functions)
				require.NoError(t, err)
				var b bytes.Buffer
				require.NoError(t, json.Indent(&b, encoded, "", " "))
				for _, misfit := range misfits {
					fmt.Fprintf(&b, "\n%s: %s", misfit.Name, misfit.Reason)
				}
				golden(t, name+"-"+list+".txt", b.String()+"\n")
			})
		}
	}
}

// parameters returns the schema of an encoded function.
func parameters(t *testing.T, d toolspec.Dialect, function json.RawMessage) json.RawMessage {
	t.Helper()
	var f struct {
		Function   struct{ Parameters json.RawMessage }
		Parameters json.RawMessage
		Anthropic  json.RawMessage `json:"input_schema"`
		Gemini     json.RawMessage `json:"parametersJsonSchema"`
		ToolSpec   struct {
			InputSchema struct{ JSON json.RawMessage }
		}
	}
	require.NoError(t, json.Unmarshal(function, &f))
	return map[toolspec.Dialect]json.RawMessage{
		toolspec.OpenAIChat: f.Function.Parameters, toolspec.OpenAIResponses: f.Parameters, toolspec.Anthropic: f.Anthropic,
		toolspec.Gemini: f.Gemini, toolspec.Bedrock: f.ToolSpec.InputSchema.JSON,
	}[d]
}

// encodeOne returns the schema that an API gets for a schema of a server.
func encodeOne(t *testing.T, d toolspec.Dialect, server string) (schema json.RawMessage, reason string) {
	t.Helper()
	encoded, misfits, err := d.Encode([]toolspec.Function{{Name: "f", Description: "d", Parameters: json.RawMessage(server)}})
	require.NoError(t, err)
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal(encoded, &list))
	if len(misfits) > 0 {
		require.Empty(t, list)
		return nil, misfits[0].Reason
	}
	require.Len(t, list, 1)
	return parameters(t, d, list[0]), ""
}

// What APIs refuse at the root is never sent, and what is sent is a valid schema.
func TestRootsOfSchemas(t *testing.T) {
	for _, list := range []string{"everything.json", "refused.json"} {
		functions := toolspec.Functions("x", recorded(t, list))
		for name, d := range dialects {
			encoded, _, err := d.Encode(functions)
			require.NoError(t, err)
			var all []json.RawMessage
			require.NoError(t, json.Unmarshal(encoded, &all))
			for _, f := range all {
				sent := parameters(t, d, f)
				_, err := schema.Compile(sent)
				require.NoError(t, err, "%s: %s", name, sent)
				var root map[string]any
				require.NoError(t, json.Unmarshal(sent, &root))
				require.Equal(t, "object", root["type"])
				require.NotNil(t, root["properties"])
				for _, keyword := range []string{"$ref", "anyOf", "oneOf", "allOf", "not", "enum", "const", "if", "then", "else", "$schema", "$id"} {
					require.NotContains(t, root, keyword, "%s: %s", name, sent)
				}
			}
		}
	}
}

func TestMisfits(t *testing.T) {
	object := `{"type":"object"}`
	for _, test := range []struct {
		name, schema string
		reason       string
		only         []toolspec.Dialect
	}{
		{name: "has.dot", schema: object, reason: "name must match", only: []toolspec.Dialect{
			toolspec.OpenAIChat, toolspec.OpenAIResponses, toolspec.Anthropic, toolspec.Bedrock,
		}},
		{name: strings.Repeat("a", 65), schema: object, reason: "{1,64}", only: []toolspec.Dialect{
			toolspec.OpenAIChat, toolspec.OpenAIResponses, toolspec.Bedrock,
		}},
		{name: strings.Repeat("a", 65), schema: object, reason: "{0,63}", only: []toolspec.Dialect{toolspec.Gemini}},
		{name: "", schema: object, reason: "name must match"},
		{name: "f", schema: ``, reason: "not a JSON object"},
		{name: "f", schema: `null`, reason: "not a JSON object"},
		{name: "f", schema: `true`, reason: "not a JSON object"},
		{name: "f", schema: `{"title":"` + strings.Repeat("x", 1<<20) + `"}`, reason: "more than 1048576"},
		{name: "f", schema: `{} {}`, reason: "followed by other text"},
		{name: "f", schema: `{"type":"string"}`, reason: "accepts no object"},
		{name: "f", schema: `{"allOf":[{"type":["null","array"]}]}`, reason: "accepts no object"},
		{name: "f", schema: `{"properties":{"a":{"$ref":"https://example.com/schema"}}}`, reason: "a part of it"},
		{name: "f", schema: `{"properties":{"a":{"$ref":"#/$defs/absent"}}}`, reason: "a part of it"},
		{name: "f", schema: `{"properties":{"a":{"$dynamicRef":"#b"}}}`, reason: "a part of it"},
		{name: "f", schema: strings.Repeat(`{"not":`, 200) + "{}" + strings.Repeat("}", 200), reason: "100 levels"},
		{name: "f", schema: `{"properties":{"$top":{}}}`, reason: `"$top" must match`, only: []toolspec.Dialect{toolspec.Anthropic, toolspec.Gemini}},
		{name: "f", schema: `{"required":["$top"]}`, reason: `"$top" must match`, only: []toolspec.Dialect{toolspec.Anthropic, toolspec.Gemini}},
		{name: "f", schema: `{"properties":{"max-results":{}}}`, reason: `"max-results" must match`, only: []toolspec.Dialect{toolspec.Gemini}},
	} {
		for name, d := range dialects {
			encoded, misfits, err := d.Encode([]toolspec.Function{
				{Name: "good", Parameters: json.RawMessage(object)}, {Name: test.name, Parameters: json.RawMessage(test.schema)},
			})
			require.NoError(t, err)
			require.Contains(t, string(encoded), "good", "one misfit does not affect the others")
			if len(test.only) > 0 && !slices.Contains(test.only, d) {
				continue
			}
			require.Len(t, misfits, 1, "%s: %s %s", name, test.name, test.schema)
			require.Equal(t, test.name, misfits[0].Name)
			require.Contains(t, misfits[0].Reason, test.reason)
		}
	}
}

// APIs refuse a list in which a name occurs twice.
func TestFunctionsWithTheSameName(t *testing.T) {
	function := func(tool string) toolspec.Function {
		return toolspec.Function{Name: "f", Tool: tool, Parameters: json.RawMessage(`{}`)}
	}
	for _, order := range [][]toolspec.Function{{function("a"), function("b")}, {function("b"), function("a")}} {
		encoded, misfits, err := toolspec.Gemini.Encode(order)
		require.NoError(t, err)
		require.JSONEq(t, `[{"name":"f","description":"a","parametersJsonSchema":{"type":"object","properties":{}}}]`, string(encoded))
		require.Equal(t, []toolspec.Misfit{{Name: "f", Reason: "another function has the same name"}}, misfits)
	}
}

func TestLimits(t *testing.T) {
	functions := make([]toolspec.Function, 600)
	for name, limit := range map[string]int{"openai-chat": 128, "openai-responses": 128, "gemini": 512} {
		require.NoError(t, dialects[name].Check(functions[:limit]))
		require.ErrorContains(t, dialects[name].Check(functions[:limit+2]), fmt.Sprintf("accepts %d functions in a request, got %d: leave 2 out", limit, limit+2))
	}
	large := []toolspec.Function{{Description: strings.Repeat("x", 33<<20)}}
	for name, limited := range map[string]bool{"anthropic": true, "gemini": true, "bedrock": false} {
		require.NoError(t, dialects[name].Check(functions[:512]))
		require.Equal(t, limited, dialects[name].Check(large) != nil, name)
	}
}

func TestUnknownDialect(t *testing.T) {
	var d toolspec.Dialect
	_, _, err := d.Encode(nil)
	require.EqualError(t, err, "toolspec: unknown dialect 0")
	require.EqualError(t, d.Check(nil), "toolspec: unknown dialect 0")
	_, err = toolspec.Answer{}.Encode(d, "", "")
	require.EqualError(t, err, "toolspec: unknown dialect 0")
	require.Equal(t, "dialect 0", d.String())
	require.Equal(t, "Gemini", toolspec.Gemini.String())
}

func TestNoFunctions(t *testing.T) {
	for _, d := range dialects {
		encoded, misfits, err := d.Encode(nil)
		require.NoError(t, err)
		require.Equal(t, "[]", string(encoded))
		require.Empty(t, misfits)
	}
}
