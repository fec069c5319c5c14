package execproto

import (
	"fmt"
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// HTTPResponse is the head of a response. It includes the body if the body is not streamed.
type HTTPResponse struct {
	Status  int
	Headers []Header
	Body    []byte
}

var responseObject = object{[]string{"status", "headers", "bodyBase64"}, 1}

// ReadHTTPResponse reads the result of http/request.
func ReadHTTPResponse(result []byte) (*HTTPResponse, error) {
	r := new(HTTPResponse)
	c := jsonrpc.NewCursor(result, maxDepth)
	responseObject.read(&c, func(member string) {
		switch member {
		case "status":
			r.readStatus(&c)
		case "headers":
			r.Headers = readHeaders(&c)
		case "bodyBase64":
			r.Body = readBody(&c)
		}
	})
	c.End()
	if err := c.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *HTTPResponse) readStatus(c *jsonrpc.Cursor) {
	status := c.Int64()
	if status < 100 || status > 999 {
		c.Fail(fmt.Errorf("invalid HTTP status %d", status))
		return
	}
	r.Status = int(status)
}

// AppendHTTPResponse appends the response to the http/request with the ID rawID.
func AppendHTTPResponse(dst, rawID []byte, r *HTTPResponse) []byte {
	dst = append(append(dst, `{"id":`...), rawID...)
	dst = strconv.AppendInt(append(dst, `,"result":{"status":`...), int64(r.Status), 10)
	dst = appendHeaders(dst, r.Headers)
	dst = appendBase64(append(dst, `,"bodyBase64":"`...), r.Body)
	return append(dst, `"}}`...)
}

// Stage is the data member of an error from package agent. It says how far a failed request got.
// Other executors do not send it.
type Stage struct {
	NotSent   bool // no part of the request can have reached the server
	Permanent bool // the same request cannot succeed
}

var stageObject = object{members: []string{"stage", "permanent"}}

// ReadStage reads the data of an error. ok is false if data has no stage.
func ReadStage(data []byte) (s Stage, ok bool) {
	c := jsonrpc.NewCursor(data, maxDepth)
	if len(data) == 0 || c.Kind() != jsonrpc.Object {
		return s, false
	}
	stageObject.read(&c, func(member string) {
		switch {
		case member == "stage" && c.Kind() == jsonrpc.String:
			stage := string(c.StringBytes())
			s.NotSent = stage == "notSent"
			ok = stage == "notSent" || stage == "maybeSent"
		case member == "permanent" && c.Kind() == jsonrpc.Bool:
			s.Permanent = c.Bool()
		default:
			c.Skip()
		}
	})
	c.End()
	return s, ok && c.Err() == nil
}

// AppendStage appends s as the data of an error.
func AppendStage(dst []byte, s Stage) []byte {
	stage := "maybeSent"
	if s.NotSent {
		stage = "notSent"
	}
	dst = append(append(dst, `{"stage":"`...), stage...)
	if s.Permanent {
		return append(dst, `","permanent":true}`...)
	}
	return append(dst, `","permanent":false}`...)
}
