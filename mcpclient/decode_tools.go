package mcpclient

import (
	"encoding/json"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// callToolDecoder decodes the result of tools/call.
type callToolDecoder struct {
	resultHead
	out     *CallToolResult
	keepRaw bool
}

func (d *callToolDecoder) decode(c *jsonrpc.Cursor) {
	*d.out = CallToolResult{}
	r := d.open(c, d.keepRaw, &d.out.Raw)
	d.read(&r)
	d.done(c, &r, &d.out.Raw)
	d.out.Result = d.result()
	d.out.RequestState = d.input.stateText
}

func (d *callToolDecoder) read(r *jsonReader) {
	for key := range r.members() {
		switch string(key) {
		case "content":
			d.out.Content = r.contents(false)
		case "structuredContent":
			d.out.RawStructuredContent = r.raw()
		case "isError":
			d.out.IsError = r.optBool()
		default:
			d.member(r, key)
		}
	}
	if d.out.RawStructuredContent != nil {
		d.out.CallToolResult.StructuredContent = d.out.RawStructuredContent
	}
}

// toolsPageDecoder decodes the result of tools/list.
type toolsPageDecoder struct {
	pageHead
	out *ToolsPage
}

func (d *toolsPageDecoder) decode(c *jsonrpc.Cursor) {
	d.pageHead, *d.out = pageHead{}, ToolsPage{}
	r := jsonReader{Cursor: *c}
	for key := range r.members() {
		if string(key) != "tools" {
			d.member(&r, key)
			continue
		}
		d.out.Tools = nil
		for range r.elements() {
			d.out.Tools = listed(&r, &d.pageHead, d.out.Tools, (*jsonReader).tool)
		}
	}
	d.out.PageInfo = d.info()
	*c = r.Cursor
}

var errNoName = errors.New(`no "name"`)

// tool reads the definition of a tool. Its bytes are looked at twice: once to
// find their end, and then in the copy that is kept, of which the schemas are parts.
func (r *jsonReader) tool() (t Tool) {
	raw, item := r.split()
	t.Raw = raw
	for key := range item.members() {
		switch string(key) {
		case "name":
			t.Name = item.optString()
		case "title":
			t.Title = item.optString()
		case "description":
			t.Description = item.optString()
		case "inputSchema":
			t.RawInputSchema = item.optRaw()
		case "outputSchema":
			t.RawOutputSchema = item.optRaw()
		case "annotations":
			t.Annotations = item.toolAnnotations()
		case "execution":
			t.Execution = item.toolExecution()
		case "defer_loading":
			t.DeferLoading = item.optBool()
		case "icons":
			t.Icons = item.icons()
		case "_meta":
			t.Meta = item.meta()
		default:
			item.Skip()
		}
	}
	if t.RawInputSchema == nil {
		t.RawInputSchema = json.RawMessage(`{"type":"object"}`)
	}
	if t.Name == "" {
		item.Fail(errNoName)
	}
	r.join(&item)
	return t
}

// optRaw is raw with nil for null.
func (r *jsonReader) optRaw() json.RawMessage {
	if r.TryNull() {
		return nil
	}
	return r.raw()
}

// toolAnnotations reads the hints about a tool; null is none.
func (r *jsonReader) toolAnnotations() (a mcp.ToolAnnotation) {
	if r.TryNull() {
		return a
	}
	for key := range r.members() {
		switch string(key) {
		case "title":
			a.Title = r.optString()
		case "readOnlyHint":
			a.ReadOnlyHint = r.optHint()
		case "destructiveHint":
			a.DestructiveHint = r.optHint()
		case "idempotentHint":
			a.IdempotentHint = r.optHint()
		case "openWorldHint":
			a.OpenWorldHint = r.optHint()
		default:
			r.Skip()
		}
	}
	return a
}

// toolExecution reads how a tool may be run; null is nil.
func (r *jsonReader) toolExecution() *mcp.ToolExecution {
	if r.TryNull() {
		return nil
	}
	e := &mcp.ToolExecution{}
	for key := range r.members() {
		if string(key) == "taskSupport" {
			e.TaskSupport = mcp.TaskSupport(r.optString())
		} else {
			r.Skip()
		}
	}
	return e
}
