package executor

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/httprule"
)

// response is the head of a response.
type response struct {
	status   int
	header   http.Header
	declared int64 // value of Content-Length; −1 if unknown
	length   int64 // required length of the body; −1 if unknown
}

// hopByHop lists the header fields that apply to one connection (RFC 9110 section 7.6.1). Here that
// is the executor's connection to the server.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authenticate": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// newResponse checks r, the head of the response to req, and converts it.
func newResponse(req *http.Request, r *execproto.HTTPResponse) (*response, error) {
	h := make(http.Header, len(r.Headers))
	values := make([]string, 0, len(r.Headers)) // of all fields, so that most fields need no slice of their own
	chunked := false
	for _, f := range r.Headers {
		if !httprule.IsToken(f.Name) || !httprule.IsFieldValue(f.Value) {
			return nil, &ProtocolError{What: fmt.Sprintf("header field %.64q is not valid", f.Name)}
		}
		name := http.CanonicalHeaderKey(f.Name)
		if old, repeated := h[name]; repeated {
			h[name] = append(old, f.Value)
		} else if !hopByHop[name] {
			values = append(values, f.Value)
			h[name] = values[len(values)-1 : len(values) : len(values)]
		}
		chunked = chunked || name == "Transfer-Encoding"
	}
	if chunked {
		delete(h, "Content-Length") // ignored together with Transfer-Encoding (RFC 9112 section 6.3)
	}
	head := &response{status: r.Status, header: h, declared: -1}
	if r.Status < 200 || r.Status == http.StatusNoContent || r.Status == http.StatusNotModified {
		head.declared = 0
		return head, nil
	}
	for _, text := range h["Content-Length"] {
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil || head.declared >= 0 && head.declared != int64(n) {
			return nil, &ProtocolError{What: "invalid Content-Length"}
		}
		head.declared = int64(n)
	}
	if req.Method != http.MethodHead {
		head.length = head.declared
	}
	return head, nil
}

// http returns the response that RoundTrip returns. Its body is e.
func (r *response) http(e *exchange) *http.Response {
	return &http.Response{
		Status:     strconv.Itoa(r.status) + " " + http.StatusText(r.status),
		StatusCode: r.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        r.header,
		ContentLength: r.declared,
		Body:          (*body)(e),
		Request:       e.req,
	}
}
