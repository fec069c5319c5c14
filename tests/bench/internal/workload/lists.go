package workload

import (
	"fmt"
	"strings"
)

// The numbers of tools that a server can list. The path of its endpoint selects one.
const (
	FewTools      = 20
	ManyTools     = 100
	NumerousTools = 10_000
)

// ListPath returns the path of an endpoint whose server lists this number of tools.
func ListPath(tools int) string { return fmt.Sprintf("/mcp/%d", tools) }

// StreamPath is the path of an endpoint whose server keeps the stream of a session open. All others
// refuse it with 405.
const StreamPath = "/mcp/stream"

// lists has what follows the ID in a reply to tools/list, by path.
var lists = map[string]*list{
	ListPath(FewTools):      newList(FewTools),
	ListPath(ManyTools):     newList(ManyTools),
	ListPath(NumerousTools): newList(NumerousTools),
	StreamPath:              newList(FewTools),
}

type list struct{ legacy, modern []byte }

func newList(tools int) *list {
	items := make([]string, tools)
	for i := range items {
		items[i] = listed(i)
	}
	result := `"tools":[` + strings.Join(items, ",") + `]}}`
	return &list{
		legacy: []byte(`,"result":{` + result),
		modern: []byte(`,"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private",` + result),
	}
}

// ToolName returns the name of tool number i of a list.
func ToolName(i int) string { return fmt.Sprintf("search_records_%05d", i) }

// listed returns tool number i of a list, as servers describe their tools, in 600 bytes.
func listed(i int) string {
	return `{"name":"` + ToolName(i) + `","title":"Search records","description":"Searches the records of the workspace for a text and ` +
		`returns the \"best\" matches first. Use it before reading a record.\nResults are limited to what the user may see.",` +
		`"inputSchema":{"type":"object","properties":{"query":{"type":"string","description":"the text to search for"},` +
		`"limit":{"type":"integer","minimum":1,"maximum":100,"default":20},` +
		`"order":{"type":"string","enum":["relevance","newest","oldest"]}},"required":["query"],"additionalProperties":false},` +
		`"annotations":{"readOnlyHint":true,"openWorldHint":false}}`
}
