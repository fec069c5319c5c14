package wire

import (
	"encoding/json"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

// The values of a _meta stay raw and unchanged.
func TestMetaStaysRaw(t *testing.T) {
	for _, tt := range []struct {
		meta string
		want *mcp.Meta
	}{
		{`null`, nil},
		{`{}`, &mcp.Meta{AdditionalFields: map[string]any{}}},
		{`{"a":1,"b":{"x" : [9007199254740993]},"a":"last"}`, &mcp.Meta{AdditionalFields: map[string]any{
			"a": json.RawMessage(`"last"`), "b": json.RawMessage(`{"x" : [9007199254740993]}`),
		}}},
		{`{"n":null,"\u0061":true}`, &mcp.Meta{AdditionalFields: map[string]any{
			"n": json.RawMessage(`null`), "a": json.RawMessage(`true`),
		}}},
		{`{"progressToken":"t"}`, &mcp.Meta{ProgressToken: "t", AdditionalFields: map[string]any{}}},
		{`{"progressToken":9007199254740993}`, &mcp.Meta{
			ProgressToken: json.Number("9007199254740993"), AdditionalFields: map[string]any{},
		}},
		{`{"progressToken":"t","progressToken":null}`, &mcp.Meta{AdditionalFields: map[string]any{}}},
		{`{"progressToken":{"odd":1}}`, &mcp.Meta{
			ProgressToken: json.RawMessage(`{"odd":1}`), AdditionalFields: map[string]any{},
		}},
	} {
		require.Equal(t, tt.want, decodeCall(t, `{"_meta":`+tt.meta+`}`).Meta, tt.meta)
	}
	require.Nil(t, decodeCall(t, `{}`).Meta)
}

// A decoded _meta encodes to the same JSON.
func TestMetaRoundTrip(t *testing.T) {
	const meta = `{"a":9007199254740993,"progressToken":1.50}`
	data, err := json.Marshal(decodeCall(t, `{"_meta":`+meta+`}`).Meta)
	require.NoError(t, err)
	require.Equal(t, meta, string(data))
}
