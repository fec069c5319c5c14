package execproto

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/segmentio/asm/ascii"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

var (
	errBody    = errors.New("bodyBase64 is not base64")
	errHeaders = fmt.Errorf("more than %d headers", MaxHeaders)
)

// HTTPRequest is the parameters of http/request.
type HTTPRequest struct {
	Method    string
	URL       string
	Headers   []Header
	Body      []byte
	TimeoutMs int64 // bounds the whole exchange with its body; negative means no limit, and so does 0 when sent
	Stop      bool  // redirects are returned and not followed
	RequestID string
	Stream    bool // the body follows in deltas
}

// Header is one header field. If EnvVar is set, the executor appends the value of that environment
// variable to Value.
type Header struct {
	Name, Value string
	EnvVar      string
}

// AppendHTTPRequest appends the request.
func AppendHTTPRequest(dst []byte, id int64, r *HTTPRequest) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), id, 10)
	dst = jsonrpc.AppendString(append(dst, `,"method":"`+MethodHTTPRequest+`","params":{"method":`...), r.Method)
	dst = jsonrpc.AppendString(append(dst, `,"url":`...), r.URL)
	dst = appendHeaders(dst, r.Headers)
	if len(r.Body) > 0 {
		dst = appendBase64(append(dst, `,"bodyBase64":"`...), r.Body)
		dst = append(dst, '"')
	}
	if r.TimeoutMs > 0 {
		dst = strconv.AppendInt(append(dst, `,"timeoutMs":`...), r.TimeoutMs, 10)
	}
	policy := "follow"
	if r.Stop {
		policy = "stop"
	}
	dst = append(append(dst, `,"redirectPolicy":"`...), policy...)
	dst = jsonrpc.AppendString(append(dst, `","requestId":`...), r.RequestID)
	dst = strconv.AppendBool(append(dst, `,"streamResponse":`...), r.Stream)
	return append(dst, `}}`...)
}

func appendHeaders(dst []byte, headers []Header) []byte {
	dst = append(dst, `,"headers":[`...)
	for i, h := range headers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonrpc.AppendString(append(dst, `{"name":`...), h.Name)
		dst = jsonrpc.AppendString(append(dst, `,"value":`...), h.Value)
		if h.EnvVar != "" {
			dst = jsonrpc.AppendString(append(dst, `,"valueEnvVar":`...), h.EnvVar)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

var (
	requestObject = object{[]string{"method", "url", "requestId", "headers", "bodyBase64", "timeoutMs", "redirectPolicy", "streamResponse"}, 3}
	headerObject  = object{[]string{"name", "value", "valueEnvVar"}, 2}
)

// ReadHTTPRequest reads the parameters of http/request. Its errors are sent to the client, and name
// the invalid field.
func ReadHTTPRequest(params []byte) (*HTTPRequest, error) {
	r := &HTTPRequest{TimeoutMs: -1}
	c := jsonrpc.NewCursor(params, maxDepth)
	requestObject.read(&c, func(member string) {
		switch member {
		case "method":
			r.Method = c.String()
		case "url":
			r.URL = c.String()
		case "headers":
			r.Headers = readHeaders(&c)
		case "bodyBase64":
			r.Body = readBody(&c)
		case "timeoutMs":
			r.readTimeout(&c)
		case "redirectPolicy":
			r.readPolicy(&c)
		case "requestId":
			r.RequestID = c.String()
		case "streamResponse":
			r.Stream = c.Bool()
		}
	})
	c.End()
	if err := c.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// readHeaders reads the headers of a request or of a response.
func readHeaders(c *jsonrpc.Cursor) (headers []Header) {
	c.EnterArray()
	for c.NextElement() {
		if len(headers) == MaxHeaders {
			c.Fail(errHeaders)
			return nil
		}
		var h Header
		headerObject.read(c, func(member string) {
			switch member {
			case "name":
				h.Name = c.String()
			case "value":
				h.Value = c.String()
			case "valueEnvVar":
				if !c.TryNull() {
					h.EnvVar = c.String()
				}
			}
		})
		headers = append(headers, h)
	}
	return headers
}

// readBody reads the body of a request or a response. It returns nil if the body is empty.
func readBody(c *jsonrpc.Cursor) []byte {
	if c.TryNull() {
		return nil
	}
	text := c.PlainBytes(ascii.ValidPrint)
	if len(text) == 0 {
		return nil
	}
	body, err := appendDecoded(nil, text)
	if err != nil {
		c.Fail(errBody)
	}
	return body
}

func (r *HTTPRequest) readTimeout(c *jsonrpc.Cursor) {
	if c.TryNull() {
		return
	}
	if r.TimeoutMs = c.Int64(); r.TimeoutMs < 0 {
		c.Fail(errors.New("timeoutMs must not be negative"))
	}
}

func (r *HTTPRequest) readPolicy(c *jsonrpc.Cursor) {
	switch policy := c.StringBytes(); string(policy) {
	case "stop":
		r.Stop = true
	case "follow":
		r.Stop = false
	default:
		c.Fail(errors.New(`redirectPolicy must be "follow" or "stop"`))
	}
}
