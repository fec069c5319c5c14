package execproto

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// HTTPRequest is what http/request asks for.
type HTTPRequest struct {
	Method    string
	URL       string
	Headers   []Header
	Body      []byte
	TimeoutMs int64 // of the whole exchange, its body included; negative for none
	Stop      bool  // redirects are returned, not followed
	RequestID string
	Stream    bool // the body follows in deltas
}

// Header is one header field. With an EnvVar, the executor appends the value of
// that variable of its own environment to Value.
type Header struct {
	Name, Value string
	EnvVar      string
}

// AppendHTTPRequest appends the request. It never has a timeout.
func AppendHTTPRequest(dst []byte, id int64, r *HTTPRequest) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), id, 10)
	dst = jsonrpc.AppendString(append(dst, `,"method":"`+MethodHTTPRequest+`","params":{"method":`...), r.Method)
	dst = jsonrpc.AppendString(append(dst, `,"url":`...), r.URL)
	dst = append(dst, `,"headers":[`...)
	for i, h := range r.Headers {
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
	dst = append(dst, ']')
	if len(r.Body) > 0 {
		dst = base64.StdEncoding.AppendEncode(append(dst, `,"bodyBase64":"`...), r.Body)
		dst = append(dst, '"')
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

// ReadHTTPRequest reads the parameters of http/request. Its errors are for the
// client: they name the field.
func ReadHTTPRequest(params []byte) (*HTTPRequest, error) {
	r := &HTTPRequest{TimeoutMs: -1}
	c := jsonrpc.NewCursor(params, maxDepth)
	var hasMethod, hasURL, hasID bool
	eachMember(&c, func(key []byte) {
		switch string(key) {
		case "method":
			r.Method, hasMethod = c.String(), true
		case "url":
			r.URL, hasURL = c.String(), true
		case "headers":
			r.readHeaders(&c)
		case "bodyBase64":
			r.readBody(&c)
		case "timeoutMs":
			r.readTimeout(&c)
		case "redirectPolicy":
			r.readPolicy(&c)
		case "requestId":
			r.RequestID, hasID = c.String(), true
		case "streamResponse":
			r.Stream = c.Bool()
		default:
			c.Skip()
		}
	})
	c.End()
	switch err := c.Err(); {
	case err != nil:
		return nil, err
	case !hasMethod:
		return nil, errors.New("missing field `method`")
	case !hasURL:
		return nil, errors.New("missing field `url`")
	case !hasID:
		return nil, errors.New("missing field `requestId`")
	}
	return r, nil
}

func (r *HTTPRequest) readHeaders(c *jsonrpc.Cursor) {
	c.EnterArray()
	for c.NextElement() {
		var h Header
		var hasName, hasValue bool
		eachMember(c, func(key []byte) {
			switch string(key) {
			case "name":
				h.Name, hasName = c.String(), true
			case "value":
				h.Value, hasValue = c.String(), true
			case "valueEnvVar":
				if !c.TryNull() {
					h.EnvVar = c.String()
				}
			default:
				c.Skip()
			}
		})
		if !hasName || !hasValue {
			c.Fail(fmt.Errorf("header %d: missing field `name` or `value`", len(r.Headers)))
		}
		r.Headers = append(r.Headers, h)
	}
}

func (r *HTTPRequest) readBody(c *jsonrpc.Cursor) {
	if c.TryNull() {
		return
	}
	text := c.StringBytes()
	if len(text) == 0 {
		return
	}
	body, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		c.Fail(errors.New("bodyBase64 is not base64"))
		return
	}
	r.Body = body
}

func (r *HTTPRequest) readTimeout(c *jsonrpc.Cursor) {
	if c.TryNull() {
		return
	}
	if r.TimeoutMs = c.Int64(); r.TimeoutMs < 0 {
		c.Fail(errors.New("timeoutMs is negative"))
	}
}

func (r *HTTPRequest) readPolicy(c *jsonrpc.Cursor) {
	switch policy := c.StringBytes(); string(policy) {
	case "stop":
		r.Stop = true
	case "follow":
		r.Stop = false
	default:
		c.Fail(errors.New("redirectPolicy is neither follow nor stop"))
	}
}
