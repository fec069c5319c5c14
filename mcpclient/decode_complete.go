package mcpclient

import (
	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// maxCompletions is how many values the protocol allows in a result.
const maxCompletions = 100

// completeDecoder decodes the result of completion/complete.
type completeDecoder struct {
	resultHead
	out *CompleteResult
}

func (d *completeDecoder) decode(c *jsonrpc.Cursor) {
	d.resultHead, *d.out = resultHead{}, CompleteResult{}
	r := jsonReader{Cursor: *c}
	for key := range r.members() {
		if string(key) == "completion" {
			d.completion(&r)
		} else {
			d.member(&r, key)
		}
	}
	if d.out.Completion.Values == nil {
		d.out.Completion.Values = []string{}
	}
	d.out.Result = d.result()
	*c = r.Cursor
}

// completion reads the values; null is none. Those that are too many are left
// out, and then there are more, whatever the server says.
func (d *completeDecoder) completion(r *jsonReader) {
	out, tooMany := d.out, false
	out.Completion.Values, out.Completion.HasMore = nil, false
	out.Completion.Total, out.HasTotal = 0, false
	if r.TryNull() {
		return
	}
	for key := range r.members() {
		switch string(key) {
		case "values":
			out.Completion.Values, tooMany = r.completions()
		case "total":
			out.Completion.Total, out.HasTotal = r.optTotal()
		case "hasMore":
			out.Completion.HasMore = r.optBool()
		default:
			r.Skip()
		}
	}
	out.Completion.HasMore = out.Completion.HasMore || tooMany
}

func (r *jsonReader) completions() (values []string, tooMany bool) {
	for i := range r.elements() {
		if tooMany = i >= maxCompletions; tooMany {
			r.Skip()
			continue
		}
		values = append(values, r.String())
	}
	return values, tooMany
}

// optTotal reads how many there are; null and a negative number say nothing.
func (r *jsonReader) optTotal() (n int, ok bool) {
	v := r.optInt()
	if v == nil || *v < 0 || int64(int(*v)) != *v {
		return 0, false
	}
	return int(*v), true
}
