package execproto

import (
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Delta is a piece of a response's body: the parameters of http/request/bodyDelta. Its slices alias
// the text it was read from.
type Delta struct {
	RequestID []byte
	Seq       int64  // 1 for the first piece of a body
	Base64    []byte // the piece; often empty on the last one
	Done      bool   // this is the last piece
	Failed    bool   // the body was cut off here, whatever Done says
	Error     string // why the body was cut off, if Failed
}

var deltaObject = object{[]string{"requestId", "seq", "deltaBase64", "done", "error"}, 1}

// Decode appends the decoded piece to dst. After an error the result must not be used.
func (d *Delta) Decode(dst []byte) ([]byte, error) {
	return appendDecoded(dst, d.Base64)
}

// Size returns the maximum number of bytes that Decode appends.
func (d *Delta) Size() int { return decodedLen(d.Base64) }

func (d *Delta) read(c *jsonrpc.Cursor) {
	deltaObject.read(c, func(member string) {
		switch member {
		case "requestId":
			d.RequestID = c.StringBytes()
		case "seq":
			d.Seq = c.Int64()
		case "deltaBase64":
			if !c.TryNull() {
				d.Base64 = c.StringBytes()
			}
		case "done":
			if !c.TryNull() {
				d.Done = c.Bool()
			}
		case "error":
			if !c.TryNull() {
				d.Failed, d.Error = true, c.String()
			}
		}
	})
}

// AppendDelta appends the notification with piece. done marks the last piece. A non-empty failure
// says that the body was cut off, and why.
func AppendDelta(dst []byte, requestID string, seq int64, piece []byte, done bool, failure string) []byte {
	dst = jsonrpc.AppendString(append(dst, `{"method":"`+MethodBodyDelta+`","params":{"requestId":`...), requestID)
	dst = strconv.AppendInt(append(dst, `,"seq":`...), seq, 10)
	dst = appendBase64(append(dst, `,"deltaBase64":"`...), piece)
	dst = strconv.AppendBool(append(dst, `","done":`...), done)
	dst = append(dst, `,"error":`...)
	if failure == "" {
		dst = append(dst, `null`...)
	} else {
		dst = jsonrpc.AppendString(dst, failure)
	}
	return append(dst, `}}`...)
}
