package wire

import (
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// maxCompletions is the maximum number of values in a result (2026-07-28, "Completion").
const maxCompletions = 100

// Complete decodes the result of completion/complete.
type Complete struct {
	Head
	Out      *mcp.CompleteResult // receives the result
	HasTotal *bool               // receives whether the server sent the total number of values
}

// Decode implements [Decoder].
func (d *Complete) Decode(c *jsonrpc.Cursor) {
	d.Head, *d.Out, *d.HasTotal = Head{}, mcp.CompleteResult{}, false
	r := Reader{Cursor: *c}
	for key := range r.Members() {
		if string(key) == "completion" {
			d.completion(&r)
		} else {
			d.member(&r, key)
		}
	}
	if d.Out.Completion.Values == nil {
		d.Out.Completion.Values = []string{}
	}
	d.Out.Result = d.result()
	*c = r.Cursor
}

// completion reads the completion object; null means no values. It drops values over the limit. The
// result then says that there are more values, whatever the server sent.
func (d *Complete) completion(r *Reader) {
	out, tooMany := d.Out, false
	out.Completion.Values, out.Completion.HasMore = nil, false
	out.Completion.Total, *d.HasTotal = 0, false
	if r.TryNull() {
		return
	}
	for key := range r.Members() {
		switch string(key) {
		case "values":
			out.Completion.Values, tooMany = r.completions()
		case "total":
			out.Completion.Total, *d.HasTotal = r.optTotal()
		case "hasMore":
			out.Completion.HasMore = r.OptBool()
		default:
			r.Skip()
		}
	}
	out.Completion.HasMore = out.Completion.HasMore || tooMany
}

// completions reads the values. tooMany reports whether it dropped some.
func (r *Reader) completions() (values []string, tooMany bool) {
	for i := range r.Elements() {
		if tooMany = i >= maxCompletions; tooMany {
			r.Skip()
			continue
		}
		values = append(values, r.String())
	}
	return values, tooMany
}

// optTotal reads the total number of values. Null and negative numbers count as absent.
func (r *Reader) optTotal() (n int, ok bool) {
	v := r.OptInt()
	if v == nil || *v < 0 || int64(int(*v)) != *v {
		return 0, false
	}
	return int(*v), true
}
