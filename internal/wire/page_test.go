package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// The offset in the error of an invalid item counts from the start of the item.
func TestInvalidItemOffsets(t *testing.T) {
	for _, tt := range []struct{ item, want string }{
		{`7`, `7`},
		{`{"name":5}`, `5`},
		{`{"name":"a", "icons": [1]}`, `1]`},
		{`{"name":"a","_meta":{"b":1,"progressToken":null},"icons":[{"src":7}]}`, `7}`},
	} {
		page := decodeTools(t, `{"nextCursor":"c", "tools" : [{"name":"first"} , `+tt.item+` ] }`)
		require.Len(t, page.Invalid, 1, tt.item)
		require.Equal(t, tt.item, string(page.Invalid[0].Raw))
		var shape *jsonrpc.ShapeError
		require.ErrorAs(t, page.Invalid[0].Err, &shape)
		require.Equal(t, strings.Index(tt.item, tt.want), shape.Offset, tt.item)
	}
}

// The items that were read give an estimate of the number of items. A wrong estimate does not leave
// much unused memory allocated.
func TestListsAreSizedFromTheirFirstItems(t *testing.T) {
	page := decodeTools(t, `{"tools":[`+strings.Repeat(`{"name":"a"},`, 199)+`{"name":"b"}]}`)
	require.Len(t, page.Items, 200)
	require.LessOrEqual(t, cap(page.Items), 201)

	long := `{"name":"b","description":"` + strings.Repeat("x", 10_000) + `"}`
	page = decodeTools(t, `{"tools":[{"name":"a"},`+long+`,`+long+`]}`)
	require.Len(t, page.Items, 3)
	require.LessOrEqual(t, cap(page.Items), 6)

	page = decodeTools(t, `{"tools":[`+long+strings.Repeat(`,{"name":"a"}`, 2000)+`]}`)
	require.Len(t, page.Items, 2001)
}

// The values of a tool's _meta are slices of its bytes; appending to one must not overwrite the
// rest.
func TestMetaOfItemsIsPartOfTheirBytes(t *testing.T) {
	tool := decodeTools(t, `{"tools":[ {"_meta":{"a":1},"name":"n","_meta": {"b": [2] ,"progressToken":3}} ]}`).Items[0]
	require.Equal(t, decodeCall(t, `{"_meta":{"b":[2],"progressToken":3}}`).Meta, tool.Meta)
	before := string(tool.Raw)
	_ = append(jsonOf(tool.Meta.AdditionalFields["b"]), "xxxxxxxx"...)
	require.Equal(t, before, string(tool.Raw))
}

// An invalid item leaves nothing in the place of the next one.
func TestInvalidItemsLeaveNothingBehind(t *testing.T) {
	page := decodeTools(t, `{"tools":[{"title":"a","annotations":{"readOnlyHint":true},"inputSchema":[],"name":5},{"name":"b"},{"title":"c"}]}`)
	require.Len(t, page.Invalid, 2)
	require.Len(t, page.Items, 1)
	want := mcp.Tool{Name: "b", RawInputSchema: json.RawMessage(`{"type":"object"}`)}
	require.Equal(t, tool{want, json.RawMessage(`{"name":"b"}`)}, page.Items[0])
	for _, unused := range page.Items[1:cap(page.Items)] {
		require.Zero(t, unused, "an invalid item must not stay in memory")
	}
}
