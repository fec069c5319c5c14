package mcpclient

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// These JSON texts contain every member that a decoder knows.
var (
	fullCall      = fixture("call")
	fullTools     = fixture("tools")
	fullPrompts   = fixture("prompts")
	fullPrompt    = fixture("prompt")
	fullResources = fixture("resources")
	fullTemplates = fixture("templates")
	fullRead      = fixture("read")
)

func fixture(name string) string {
	data, err := os.ReadFile("../internal/wire/testdata/" + name + ".json")
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(data))
}

func decodeCall(t *testing.T, text string) *CallToolResult {
	t.Helper()
	out := new(CallToolResult)
	require.NoError(t, wire.Unmarshal([]byte(text), out.decoder(false)))
	return out
}

func pointer[T any](v T) *T { return &v }

func marshal(t *testing.T, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// If a decoder's limit is exceeded, the public error is a LimitError that includes the path.
func TestDecoderLimitsArePublic(t *testing.T) {
	limit := &wire.LimitError{What: "values", Limit: 7}
	for _, err := range []error{
		limit,
		&wire.PathError{Path: "a[1].b", Err: limit},
		fmt.Errorf("tools: %w", &wire.PathError{Path: "a[1].b", Err: limit}),
	} {
		var public *LimitError
		got := publicError(err)
		require.ErrorAs(t, got, &public)
		require.Equal(t, LimitError{What: "values", Limit: 7}, *public)
		require.Contains(t, err.Error(), got.Error(), "the text is the same")
	}
	require.NoError(t, publicError(nil))
	other := &wire.PathError{Path: "a", Err: wire.ErrNoName}
	require.Same(t, other, publicError(other))

	// A content item that exceeds a limit is not decoded and stays raw.
	greedy := `{"type":"text","_meta":{` + strings.Repeat(`"a":0,`, wire.MaxKept) + `"b":0}}`
	unknown := decodeCall(t, `{"content":[`+greedy+`]}`).Content[0].(UnknownContent)
	var public *LimitError
	require.ErrorAs(t, unknown.Err, &public)
	require.ErrorContains(t, unknown.Err, "_meta")
	require.Equal(t, greedy, string(unknown.Raw))

	elements := `{"content":[` + strings.Repeat("0,", wire.MaxElements) + `0]}`
	require.ErrorAs(t, json.Unmarshal([]byte(elements), new(CallToolResult)), &public)
}

// A page includes the server's metadata and the invalid items.
func TestPublicPage(t *testing.T) {
	d := &wire.Page[Tool]{List: &toolList.items}
	text := strings.Replace(fullTools, `"tools":[`, `"tools":[{"title":"a"},`, 1)
	require.NoError(t, wire.Unmarshal([]byte(text), d))
	page := publicPage(d)
	require.Equal(t, PageInfo{
		NextCursor: pointer("c"),
		Cache:      CacheHint{TTL: 1500 * time.Millisecond, HasTTL: true, Scope: mcp.CacheScopePrivate},
		Meta:       &mcp.Meta{AdditionalFields: map[string]any{"p": json.RawMessage("1")}},
		ResultType: mcp.ResultTypeComplete,
		Invalid:    []InvalidItem{{Raw: json.RawMessage(`{"title":"a"}`), Err: wire.ErrNoName}},
	}, page.PageInfo)
	require.Equal(t, "n", page.Items[0].Name)
}
