package mcpclient_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// flood answers one request of a method with a long body of one repeated byte, generated while the
// client reads it. All other requests go to the server.
type flood struct {
	http.RoundTripper

	method string
	write  func() *http.Response
	body   floodBody
	sent   atomic.Bool
}

type floodBody struct {
	left int64
	read int64
	fill byte
	done atomic.Bool
}

func (b *floodBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), b.left)]
	for i := range p {
		p[i] = b.fill
	}
	b.left -= int64(len(p))
	b.read += int64(len(p))
	return len(p), nil
}

func (f *flood) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		return f.RoundTripper.RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var m mcptest.Message
	if json.Unmarshal(body, &m) == nil && m.Method == f.method && !f.sent.Swap(true) {
		resp := f.write()
		resp.Request, resp.ContentLength, resp.ProtoMajor, resp.ProtoMinor = req, -1, 1, 1
		return resp, nil
	}
	again := req.Clone(req.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	return f.RoundTripper.RoundTrip(again)
}

// reply returns a response without a Content-Length. Its body is prefix followed by the flood.
func (f *flood) reply(status int, contentType, prefix string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {contentType}},
		Body: floodCloser{io.MultiReader(strings.NewReader(prefix), &f.body), &f.body},
	}
}

type floodCloser struct {
	io.Reader
	body *floodBody
}

func (c floodCloser) Close() error { c.body.done.Store(true); return nil }

// With the default limits, an oversized reply fails the call with an error that names the limit.
// The client does not read the reply to its end and uses little memory. For an oversized error
// page, the error is the HTTP status, and the client reads almost nothing.
func TestFloodsEndAtTheDefaultLimits(t *testing.T) {
	const mib = 1 << 20
	for _, row := range []struct {
		name, contentType, prefix string
		status                    int
		size                      int64
		what                      string // name of the limit; "" if the error is the HTTP status
		read, memory              int64  // upper bounds
	}{
		{"256 MiB of JSON", "application/json", `{"jsonrpc":"2.0","result":"`, 200, 256 * mib, "body bytes", 65 * mib, 300 * mib},
		{"an SSE line of 200 MiB", "text/event-stream", "data: ", 200, 200 * mib, "event bytes", 130 * mib, 300 * mib},
		{"an error page of 10 MiB", "text/html", "<html>\x1b[31m", 400, 10 * mib, "", mib, 2 * mib},
	} {
		for _, method := range []string{"tools/list", "tools/call"} {
			t.Run(row.name+"/"+method, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, false})
				link := srv.Loopback(t)
				f := &flood{RoundTripper: link.Transport, method: method, body: floodBody{left: row.size, fill: 'x'}}
				f.write = func() *http.Response { return f.reply(row.status, row.contentType, row.prefix) }
				s, err := connectTo(t.Context(), link.URL, &mcpclient.Options{Transport: f})
				require.NoError(t, err)
				defer func() { require.NoError(t, s.Close()) }()

				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				if method == "tools/list" {
					_, err = s.ListTools(t.Context(), nil)
				} else {
					_, err = s.CallTool(t.Context(), "echo", nil)
				}
				runtime.ReadMemStats(&after)
				e := failure(t, err)
				require.Equal(t, 1, e.Tries)
				if row.what == "" {
					var status *mcpclient.HTTPError
					require.ErrorAs(t, err, &status)
					require.Equal(t, mcpclient.KindHTTP, e.Kind)
					require.Equal(t, row.status, status.Status)
					require.NotEmpty(t, status.Preview)
					require.LessOrEqual(t, len(status.Preview), 2<<10)
					require.NotContains(t, status.Preview, "\x1b")
					require.Less(t, len(err.Error()), 4<<10)
				} else {
					limited(t, err, row.what, 64*mib)
					require.Equal(t, mcpclient.Unknown, e.Outcome)
				}
				require.True(t, f.body.done.Load(), "the body was closed")
				require.LessOrEqual(t, f.body.read, row.read)
				require.LessOrEqual(t, int64(after.TotalAlloc-before.TotalAlloc), row.memory)
				echoes(t, s)
			})
		}
	}
}
