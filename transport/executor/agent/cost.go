package agent

import (
	"encoding/base64"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

// requestCost returns what counts for a request, in bytes. net/http copies the URL when it sends the
// request.
func requestCost(r *execproto.HTTPRequest) int64 {
	n := 3*len(r.URL) + cap(r.Body)
	for i := range r.Headers {
		n += len(r.Headers[i].Name) + len(r.Headers[i].Value) + fieldCost
	}
	return int64(n)
}

// responseCost returns what counts for the headers of a response, in bytes, with the message that
// carries them.
func responseCost(h http.Header) int64 {
	n := 0
	for name, values := range h {
		n += fieldCost
		for _, v := range values {
			n += 3*(len(name)+len(v)) + fieldCost
		}
	}
	return int64(n)
}

// The sizes of messages in bytes, without what is always small.

func responseSize(r *execproto.HTTPResponse) int {
	n := base64.StdEncoding.EncodedLen(len(r.Body)) + smallFrame/2
	for i := range r.Headers {
		n += len(r.Headers[i].Name) + len(r.Headers[i].Value) + len(`{"name":"","value":""},`)
	}
	return n
}

func deltaSize(piece []byte) int {
	return base64.StdEncoding.EncodedLen(len(piece)) + smallFrame/4
}
