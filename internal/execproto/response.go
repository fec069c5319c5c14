package execproto

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// HTTPResponse is the head of a response, and its body when it was not streamed.
type HTTPResponse struct {
	Status  int
	Headers []Header
	Body    []byte
}

var errNoStatus = errors.New("missing field `status`")

// ReadHTTPResponse reads the result of http/request.
func ReadHTTPResponse(result []byte) (*HTTPResponse, error) {
	r := new(HTTPResponse)
	c := jsonrpc.NewCursor(result, maxDepth)
	eachMember(&c, func(key []byte) {
		switch string(key) {
		case "status":
			r.readStatus(&c)
		case "headers":
			r.readHeaders(&c)
		case "bodyBase64":
			r.readBody(&c)
		default:
			c.Skip()
		}
	})
	c.End()
	if err := c.Err(); err != nil {
		return nil, err
	}
	if r.Status == 0 {
		return nil, errNoStatus
	}
	return r, nil
}

func (r *HTTPResponse) readStatus(c *jsonrpc.Cursor) {
	status := c.Int64()
	if status < 100 || status > 999 {
		c.Fail(fmt.Errorf("status %d is none of HTTP", status))
		return
	}
	r.Status = int(status)
}

func (r *HTTPResponse) readHeaders(c *jsonrpc.Cursor) {
	c.EnterArray()
	for c.NextElement() {
		var h Header
		eachMember(c, func(key []byte) {
			switch string(key) {
			case "name":
				h.Name = c.String()
			case "value":
				h.Value = c.String()
			default:
				c.Skip()
			}
		})
		r.Headers = append(r.Headers, h)
	}
}

func (r *HTTPResponse) readBody(c *jsonrpc.Cursor) {
	if c.TryNull() {
		return
	}
	text := c.StringBytes()
	body, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		c.Fail(errors.New("bodyBase64 is not base64"))
		return
	}
	r.Body = body
}

// AppendHTTPResponse appends the answer to the http/request with the id rawID.
func AppendHTTPResponse(dst, rawID []byte, r *HTTPResponse) []byte {
	dst = append(append(dst, `{"id":`...), rawID...)
	dst = strconv.AppendInt(append(dst, `,"result":{"status":`...), int64(r.Status), 10)
	dst = append(dst, `,"headers":[`...)
	for i, h := range r.Headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonrpc.AppendString(append(dst, `{"name":`...), h.Name)
		dst = jsonrpc.AppendString(append(dst, `,"value":`...), h.Value)
		dst = append(dst, '}')
	}
	dst = base64.StdEncoding.AppendEncode(append(dst, `],"bodyBase64":"`...), r.Body)
	return append(dst, `"}}`...)
}
