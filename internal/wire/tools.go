package wire

import (
	"encoding/json"
	"strings"

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
			d.Out.Content = r.someContent()
		case "structuredContent":
			d.Out.RawStructuredContent = r.Raw()
		case "isError":
			d.Out.IsError = r.isError()
		default:
			d.member(r, key)
		}
	}
	if d.Out.RawStructuredContent != nil {
		d.Out.StructuredContent = d.Out.RawStructuredContent
	}
}

// someContent reads the content of a result. It must be a list, but some servers send a single item
// or a plain string.
func (r *Reader) someContent() []mcp.Content {
	switch r.Kind() {
	case jsonrpc.Object:
		return []mcp.Content{r.Content(false)}
	case jsonrpc.String:
		return []mcp.Content{mcp.TextContent{Type: mcp.ContentTypeText, Text: r.String()}}
	default:
		return r.Contents(false)
	}
}

// isError reads an isError. Some servers send "true" or 1. Any other value that is not clearly true
// or false is an error, because a failure must not look like a success.
func (r *Reader) isError() bool {
	before := *r
	switch r.Kind() {
	case jsonrpc.String:
		switch strings.ToLower(r.String()) {
		case "true":
			return true
		case "false":
			return false
		}
		*r = before
	case jsonrpc.Number:
		switch string(r.Skip()) {
		case "1":
			return true
		case "0":
			return false
		}
		*r = before
	default:
	}
	return r.OptBool()
}

// Tool reads the definition of a tool in one pass into t, which must be zero. It returns the bytes of
// the definition; the schemas are slices of these bytes.
func (r *Reader) Tool(t *mcp.Tool) (raw json.RawMessage) {
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
			t.DeferLoading = r.laxBool()
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
	return raw
}

// toolAnnotations reads the hints about a tool. A value that is not an object becomes the zero
// value.
func (r *Reader) toolAnnotations() (a mcp.ToolAnnotation) {
	if r.Other(jsonrpc.Object) {
		return a
	}
	var h *hints
	for key := range r.Members() {
		switch string(key) {
		case "title":
			a.Title = r.laxString()
		case "readOnlyHint":
			a.ReadOnlyHint = r.optHint(&h, 0)
		case "destructiveHint":
			a.DestructiveHint = r.optHint(&h, 1)
		case "idempotentHint":
			a.IdempotentHint = r.optHint(&h, 2)
		case "openWorldHint":
			a.OpenWorldHint = r.optHint(&h, 3)
		default:
			r.Skip()
		}
	}
	return a
}

// toolExecution reads how a tool may be run. A value that is not an object becomes nil.
func (r *Reader) toolExecution() *mcp.ToolExecution {
	if r.Other(jsonrpc.Object) {
		return nil
	}
	e := &mcp.ToolExecution{}
	for key := range r.Members() {
		if string(key) == "taskSupport" {
			e.TaskSupport = mcp.TaskSupport(r.laxString())
		} else {
			r.Skip()
		}
	}
	return e
}
