package wire

import (
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// CallTool decodes the result of tools/call.
type CallTool struct {
	Head
	Out     *mcp.CallToolResult // receives the result
	Raw     *json.RawMessage    // receives the whole result if KeepRaw is set or an extension defines the result type
	KeepRaw bool
	Unknown *Unknown
}

// Decode implements [Decoder].
func (d *CallTool) Decode(c *jsonrpc.Cursor) {
	*d.Out, *d.Raw = mcp.CallToolResult{}, nil
	r := d.open(c, d.Unknown, d.KeepRaw, d.Raw)
	d.read(&r)
	d.done(c, &r, d.Raw)
	d.Out.Result = d.result()
	d.Out.RequestState = d.Input.StateText()
}

func (d *CallTool) read(r *Reader) {
	for key := range r.Members() {
		switch string(key) {
		case "content":
			d.Out.Content = r.Contents(false)
		case "structuredContent":
			d.Out.RawStructuredContent = r.Raw()
		case "isError":
			d.Out.IsError = r.OptBool()
		default:
			d.member(r, key)
		}
	}
	if d.Out.RawStructuredContent != nil {
		d.Out.StructuredContent = d.Out.RawStructuredContent
	}
}

// Tool reads the definition of a tool in one pass. It returns the definition and its bytes; the
// schemas are slices of these bytes.
func (r *Reader) Tool() (t mcp.Tool, raw json.RawMessage) {
	i := r.item()
	var input, output part
	for key := range r.Members() {
		switch string(key) {
		case "inputSchema":
			input = r.part(&i)
		case "outputSchema":
			output = r.part(&i)
		case "annotations":
			t.Annotations = r.toolAnnotations()
		case "execution":
			t.Execution = r.toolExecution()
		case "defer_loading":
			t.DeferLoading = r.OptBool()
		default:
			i.member(r, key)
		}
	}
	if i.name == "" {
		r.Fail(ErrNoName)
	}
	t.Name, t.Title, t.Description, t.Icons = i.name, i.title, i.description, i.icons
	raw, t.Meta = r.bytes(&i)
	t.RawInputSchema, t.RawOutputSchema = input.of(raw), output.of(raw)
	if t.RawInputSchema == nil {
		t.RawInputSchema = json.RawMessage(`{"type":"object"}`)
	}
	return t, raw
}

// toolAnnotations reads the hints about a tool; null is the zero value.
func (r *Reader) toolAnnotations() (a mcp.ToolAnnotation) {
	if r.TryNull() {
		return a
	}
	for key := range r.Members() {
		switch string(key) {
		case "title":
			a.Title = r.OptString()
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
func (r *Reader) toolExecution() *mcp.ToolExecution {
	if r.TryNull() {
		return nil
	}
	e := &mcp.ToolExecution{}
	for key := range r.Members() {
		if string(key) == "taskSupport" {
			e.TaskSupport = mcp.TaskSupport(r.OptString())
		} else {
			r.Skip()
		}
	}
	return e
}
