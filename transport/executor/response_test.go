package executor_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

func TestResponseHeaders(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		req := newRequest(w.Context(), w.T, http.MethodPost, "")
		ch := w.send(req)
		r := w.l.Request(w.T)
		r.Head(http.StatusTeapot,
			execproto.Header{Name: "set-cookie", Value: "s=1"}, execproto.Header{Name: "set-cookie", Value: "t=2"},
			execproto.Header{Name: "connection", Value: "close"}, execproto.Header{Name: "keep-alive", Value: "5"},
			execproto.Header{Name: "te", Value: "x"}, execproto.Header{Name: "trailer", Value: "x"},
			execproto.Header{Name: "upgrade", Value: "x"}, execproto.Header{Name: "proxy-authenticate", Value: "Basic"},
			execproto.Header{Name: "mcp-session-id", Value: ""}, execproto.Header{Name: "x-text", Value: "tab\tand é"},
			execproto.Header{Name: "content-encoding", Value: "gzip"})
		resp := w.response(ch)
		require.Equal(w, "418 I'm a teapot", resp.Status)
		require.Same(w, req, resp.Request)
		require.Equal(w, http.Header{
			"Set-Cookie": {"s=1", "t=2"}, "Mcp-Session-Id": {""}, "X-Text": {"tab\tand é"}, "Content-Encoding": {"gzip"},
		}, resp.Header)
		r.Piece("\x1f\x8b raw")
		r.Done()
		requireBody(w, resp, "\x1f\x8b raw", nil)
	})
}

func TestResponseLengths(t *testing.T) {
	length := func(v string) execproto.Header { return execproto.Header{Name: "Content-Length", Value: v} }
	chunked := execproto.Header{Name: "Transfer-Encoding", Value: "chunked"}
	for name, c := range map[string]struct {
		method  string
		status  int
		headers []execproto.Header
		body    string
		length  int64
		err     string // expected error of RoundTrip or of the body
	}{
		"unknown":              {method: "GET", status: 200, body: "hello", length: -1},
		"known":                {method: "GET", status: 200, headers: []execproto.Header{length("5")}, body: "hello", length: 5},
		"zero":                 {method: "GET", status: 200, headers: []execproto.Header{length("0")}, length: 0},
		"twice the same":       {method: "GET", status: 200, headers: []execproto.Header{length("5"), length("5")}, body: "hello", length: 5},
		"two lengths":          {method: "GET", status: 200, headers: []execproto.Header{length("5"), length("6")}, err: "Content-Length"},
		"negative":             {method: "GET", status: 200, headers: []execproto.Header{length("-5")}, err: "Content-Length"},
		"signed":               {method: "GET", status: 200, headers: []execproto.Header{length("+5")}, err: "Content-Length"},
		"no number":            {method: "GET", status: 200, headers: []execproto.Header{length("five")}, err: "Content-Length"},
		"overflow":             {method: "GET", status: 200, headers: []execproto.Header{length("9223372036854775808")}, err: "Content-Length"},
		"chunked goes first":   {method: "GET", status: 200, headers: []execproto.Header{length("3"), chunked}, body: "hello", length: -1},
		"HEAD":                 {method: "HEAD", status: 200, headers: []execproto.Header{length("5")}, length: 5},
		"HEAD, unknown":        {method: "HEAD", status: 200, length: -1},
		"HEAD with a body":     {method: "HEAD", status: 200, body: "hello", length: -1, err: "more than the 0 bytes"},
		"no content":           {method: "GET", status: 204, length: 0},
		"no content, a length": {method: "GET", status: 204, headers: []execproto.Header{length("5")}, length: 0},
		"no content, a body":   {method: "GET", status: 204, body: "hello", length: 0, err: "more than the 0 bytes"},
		"not modified":         {method: "GET", status: 304, headers: []execproto.Header{length("5")}, length: 0},
		"switching protocols":  {method: "GET", status: 101, length: 0},
		"an unknown status":    {method: "GET", status: 799, body: "hello", length: -1},
	} {
		t.Run(name, func(t *testing.T) {
			inBothModes(t, executor.Options{}, func(w *world) {
				ch := w.send(newRequest(w.Context(), w.T, c.method, ""))
				r := w.l.Request(w.T)
				r.Head(c.status, c.headers...)
				o := <-ch
				if o.err != nil {
					requireStage(w, o.err, transport.MaybeSent, false, c.err)
					require.ErrorAs(w, o.err, new(*executor.ProtocolError))
					require.NotEmpty(w, c.err, "%v", o.err)
					return
				}
				require.Equal(w, c.status, o.resp.StatusCode)
				require.Equal(w, c.length, o.resp.ContentLength)
				if c.body != "" {
					r.Piece(c.body)
				}
				r.Done()
				got, err := io.ReadAll(o.resp.Body)
				if c.err != "" {
					requireStage(w, err, transport.MaybeSent, false, c.err)
					return
				}
				require.NoError(w, err)
				require.Equal(w, c.body, string(got))
			})
		})
	}
}

// A body knows when only its end is left, so its reader can take the end without waiting.
func TestBodyKnowsThatItsEndHasArrived(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		r, resp := w.open(w.Context(), w.l)
		body := resp.Body.(interface {
			io.Reader
			Ending() bool
		})
		require.False(w, body.Ending(), "nothing has arrived")
		r.Piece("fine")
		synctest.Wait()
		require.False(w, body.Ending(), "data is left")
		_, err := io.ReadFull(body, make([]byte, 2))
		require.NoError(w, err)
		r.Done()
		synctest.Wait()
		require.False(w, body.Ending(), "data is left before the end")
		_, err = io.ReadFull(body, make([]byte, 2))
		require.NoError(w, err)
		require.True(w, body.Ending())
		_, err = body.Read(make([]byte, 1))
		require.Equal(w, io.EOF, err)
		require.True(w, body.Ending())
		require.NoError(w, resp.Body.Close())
	})
}
