package mcpclient

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// The fast encoding of arguments and the general one give the same bytes and the same errors.
func TestToolParamsAreEncodedAsEver(t *testing.T) {
	type named map[string]any
	deep := map[string]any{}
	for range 600 {
		deep = map[string]any{"a": deep}
	}
	for _, args := range []any{
		nil, map[string]any(nil), map[string]any{}, map[string]any{"q": "<gophers> & \u2028", "n": 1, "f": 1e21, "list": []any{true, nil}},
		map[string]any{"long": strings.Repeat("é\n", 2000)}, map[string]any{"raw": json.RawMessage(`{"a": 1}`), "b": []byte("x")},
		map[string]any{"bad": math.NaN()}, map[string]any{"bad": func() {}}, map[string]any{"bad": json.RawMessage("{")},
		deep, named{"a": 1}, map[string]string{"a": "b"}, json.RawMessage(`{"a":1}`), []any{}, "text",
	} {
		for _, name := range []string{"tool", "outil <é>\xff"} {
			wantParams, wantArgs, wantErr := wire.ToolParams(name, args)
			params, encoded, err := toolParams(name, args)
			require.Equal(t, wantParams, params)
			require.Equal(t, wantArgs, encoded)
			require.Equal(t, len(encoded), cap(encoded), "an append to the arguments does not change the parameters")
			if wantErr == nil {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, wantErr.Error())
			}
		}
	}
}
