package execproto

import (
	"errors"
	"slices"
	"strconv"

	"github.com/segmentio/asm/ascii"
	"github.com/segmentio/asm/base64"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Delta is a piece of a response's body: the parameters of http/request/bodyDelta. Its slices alias
// the text it was read from.
type Delta struct {
	RequestID []byte
	Seq       int64  // 1 for the first piece of a body
	Base64    []byte // the piece; often empty on the last one
	Done      bool   // this is the last piece
	Failed    bool   // the body was cut off here, regardless of Done
	Error     string // why the body was cut off, if Failed
}

var deltaObject = object{[]string{"requestId", "seq", "deltaBase64", "done", "error"}, 1}

// Decode appends the decoded piece to dst. If it fails, the result must not be used.
func (d *Delta) Decode(dst []byte) ([]byte, error) {
	return appendDecoded(dst, d.Base64)
}

// ID returns the requestId as an integer greater than 0, if it is written as package executor writes
// it: in decimal digits, without a sign or leading zeros.
func (d *Delta) ID() (int64, bool) {
	id := d.RequestID
	if len(id) == 0 || id[0] < '1' || id[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	return n, err == nil
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
				d.Base64 = c.PlainBytes(ascii.ValidPrint)
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

// AppendDelta appends the notification that carries piece. done marks the last piece. A non-empty
// failure is the reason why the body was cut off.
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

// Bodies are sent in base64 (RFC 4648 section 4), and encoding them dominates the cost: the
// standard library takes longer to encode a body than a local network takes to send it. The
// functions below use vector instructions where available, and otherwise the standard library.

// appendBase64 appends the encoding of data.
func appendBase64(dst, data []byte) []byte {
	n, size := len(dst), base64.StdEncoding.EncodedLen(len(data))
	dst = slices.Grow(dst, size)[:n+size]
	base64.StdEncoding.Encode(dst[n:], data)
	return dst
}

// appendDecoded appends the decoded text. If it fails, the result must not be used. The text must
// be what an encoder writes: padded, without line breaks, and with unused bits of 0.
func appendDecoded(dst, text []byte) ([]byte, error) {
	n, size := len(dst), decodedLen(text)
	dst = slices.Grow(dst, size)
	k, err := base64.StdEncoding.Decode(dst[n:n+size], text)
	if err == nil && !canonical(dst[n:n+k], text) {
		err = errNotCanonical
	}
	return dst[:n+k], err
}

var errNotCanonical = errors.New("line breaks or unused bits in base64")

// canonical reports whether text is the encoding of data. It relies on text being valid apart from
// line breaks and unused bits, which decoders accept.
func canonical(data, text []byte) bool {
	if len(text) != base64.StdEncoding.EncodedLen(len(data)) {
		return false // line breaks
	}
	switch n := len(data); n % 3 {
	case 1:
		return text[len(text)-3] == alphabet[data[n-1]&0x03<<4]
	case 2:
		return text[len(text)-2] == alphabet[data[n-1]&0x0f<<2]
	}
	return true
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// decodedLen returns the maximum number of bytes that text decodes to.
func decodedLen(text []byte) int { return base64.StdEncoding.DecodedLen(len(text)) }
