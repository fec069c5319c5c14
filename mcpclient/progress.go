package mcpclient

import "github.com/hawser-mcp/hawser/internal/jsonrpc"

// Progress is one progress notification of a call.
type Progress struct {
	// Progress is how far the work is, in units of the server's choice. It
	// should grow; a server may not keep to that.
	Progress float64
	// Total is the value at the end, when HasTotal.
	Total    float64
	HasTotal bool
	// Message says what is being done, "" if the server did not.
	Message string
}

// deliverProgress decodes a progress notification and hands it to the call's
// callback. One that carries another token, or does not decode, is passed over:
// it must not cost the call its answer.
func (c *call) deliverProgress(params []byte) {
	var (
		p     Progress
		token int64
	)
	cur := jsonrpc.NewCursor(params, 0)
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		switch string(key) {
		case "progressToken":
			if cur.Kind() != jsonrpc.Number {
				return
			}
			token = cur.Int64()
		case "progress":
			p.Progress = cur.Float64()
		case "total":
			if !cur.TryNull() {
				p.Total, p.HasTotal = cur.Float64(), true
			}
		case "message":
			if !cur.TryNull() {
				p.Message = cur.String()
			}
		default:
			cur.Skip()
		}
	}
	if cur.Err() != nil || token != c.token {
		return
	}
	c.progress(c.ctx, p)
}
