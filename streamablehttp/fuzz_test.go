package streamablehttp

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

// requireOutcome checks that an error of Call has a documented type and a printable text, and that
// the receiver got a result only on success.
func requireOutcome(t *testing.T, recv *heard, err error) {
	t.Helper()
	switch e := err.(type) {
	case nil:
		require.NotEmpty(t, recv.result)
		return
	case *transport.Error:
		require.Equal(t, transport.MaybeSent, e.Stage)
		require.False(t, e.Permanent)
	case *HTTPError:
		require.NotEqual(t, 2, e.Status/100)
		requirePreview(t, e.Preview)
		require.True(t, e.RetryAfter == -1 || (0 <= e.RetryAfter && e.RetryAfter <= maxRetryAfter))
	case *ProtocolError:
		require.NotEmpty(t, e.Reason)
		requirePreview(t, e.Preview)
	case *RPCError, *LimitError, *RedirectError:
	default:
		t.Fatalf("undocumented %T: %v", err, err)
	}
	for _, r := range err.Error() {
		require.False(t, unicode.IsControl(r), "%q", err.Error())
	}
	require.Less(t, len(err.Error()), 8<<10)
}

func requirePreview(t *testing.T, preview string) {
	t.Helper()
	require.LessOrEqual(t, len(preview), previewLimit)
	require.True(t, utf8.ValidString(preview))
}

// FuzzReply answers a call with any reply. The call never panics or hangs, returns only documented
// errors, and closes the body.
func FuzzReply(f *testing.F) {
	for _, row := range refusals {
		f.Add(400, typeJSON, "", []byte(row.body), false)
	}
	for _, status := range []int{200, 202, 204, 301, 307, 401, 404, 429, 500} {
		f.Add(status, "Application/JSON; charset=utf-8", "", []byte(answer), false)
		f.Add(status, typeStream, "/next", []byte(answerEvent), true)
	}
	f.Add(200, typeJSON, "gzip", zipped(answer), false)
	f.Add(200, typeStream, "gzip", zipped(answerEvent), false)
	f.Add(503, "", "5", []byte("\x1b[2J\u202e\xff"), true)
	f.Fuzz(func(t *testing.T, status int, contentType, header string, body []byte, cut bool) {
		synctest.Test(t, func(t *testing.T) {
			end := io.EOF
			if cut {
				end = errLink
			}
			var bodies []*trackedBody
			requests := 0
			c := newConn(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				if requests++; req.Method == http.MethodGet {
					return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Err: errLink}
				}
				resp := respond(status, contentType, io.MultiReader(bytes.NewReader(body), errReader{end}))
				for _, name := range []string{"Location", "Content-Encoding", "Retry-After", "WWW-Authenticate"} {
					resp.Header.Set(name, header)
				}
				bodies = append(bodies, resp.Body.(*trackedBody))
				return resp, nil
			}), func(cfg *Config) { cfg.AcceptGzip, cfg.Limits = true, Limits{MaxBody: 1 << 16, MaxEvent: 1 << 16} })
			recv := new(heard)
			err := c.do(t.Context(), c.legacy(), recv)
			requireOutcome(t, recv, err)
			synctest.Wait() // answered streams have been drained
			for _, b := range bodies {
				require.Positive(t, b.closed.Load())
			}
			require.LessOrEqual(t, requests, 1+maxRedirects+1)
		})
	})
}

// chunks returns a text in pieces of the given sizes, then an error.
type chunks struct {
	text, pieces []byte
	end          error
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.text) == 0 {
		return 0, c.end
	}
	size := len(c.text)
	if len(c.pieces) > 0 {
		size, c.pieces = int(c.pieces[0])+1, c.pieces[1:]
	}
	n := copy(p, c.text[:min(size, len(c.text))])
	c.text = c.text[n:]
	return n, nil
}

// FuzzStream answers a call with any stream, and resumes it with any other. The outcome does not
// depend on how the streams are split into reads.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{
		answerEvent, "id: 1\n\n" + answerEvent, "id: 1\nretry: 5\n\n", ": x\n\nevent: y\ndata: z\n\n", "data: {]\n\n", "\ufeff\r\r\n",
		`id: 2` + "\n" + `data: {"jsonrpc":"2.0","id":3,"method":"m"}` + "\n\n", "id: \x01\n\n", "retry: 0\nid: 9\n\n", "data: " + answer,
	} {
		f.Add([]byte(seed), []byte(answerEvent), []byte{0, 1, 2}, false, false)
		f.Add([]byte(seed), []byte(seed), []byte{}, true, true)
	}
	f.Fuzz(func(t *testing.T, first, second, pieces []byte, cut, modern bool) {
		run := func(pieces []byte) (recv *heard, requests int, err error) {
			synctest.Test(t, func(t *testing.T) {
				texts, end := [][]byte{first, second}, io.EOF
				if cut {
					end = errLink
				}
				var bodies []*trackedBody
				c := newConn(t, roundTripper(func(*http.Request) (*http.Response, error) {
					if requests++; requests > len(texts) {
						return text(http.StatusNotFound, "", ""), nil
					}
					resp := respond(http.StatusOK, typeStream, &chunks{texts[requests-1], pieces, end})
					bodies = append(bodies, resp.Body.(*trackedBody))
					return resp, nil
				}), func(cfg *Config) { cfg.Limits.MaxEvent = 1 << 12 })
				s := c.legacy()
				if modern {
					s = c.modern()
				}
				recv = new(heard)
				start := time.Now()
				err = c.do(t.Context(), s, recv)
				require.LessOrEqual(t, time.Since(start), 2*maxRetry)
				requireOutcome(t, recv, err)
				synctest.Wait()
				for _, b := range bodies {
					require.Positive(t, b.closed.Load())
				}
			})
			return recv, requests, err
		}
		whole, wholeRequests, wholeErr := run(nil)
		parts, partsRequests, partsErr := run(pieces)
		require.Equal(t, whole.messages, parts.messages)
		require.Equal(t, whole.result, parts.result)
		require.Equal(t, wholeRequests, partsRequests)
		require.Equal(t, wholeErr == nil, partsErr == nil, "%v, %v", wholeErr, partsErr)
		require.Equal(t, errors.Is(wholeErr, errLink), errors.Is(partsErr, errLink))
		if modern {
			require.Equal(t, 1, wholeRequests, "no resumption since 2026-07-28")
		}
	})
}
