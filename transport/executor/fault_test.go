package executor_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

func TestExchange(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		for range 3 { // over one link
			ch := w.send(newRequest(w.Context(), w.T, http.MethodPost, "hello"))
			r := w.l.Request(w.T)
			require.Equal(w, "POST", r.Method)
			require.Equal(w, target, r.URL)
			require.Equal(w, "hello", string(r.Body))
			require.True(w, r.Stop && r.Stream && r.TimeoutMs < 0)
			r.Head(http.StatusOK)
			resp := w.response(ch)
			require.Equal(w, int64(-1), resp.ContentLength)
			r.Piece("one ")
			r.Piece("two")
			r.Done()
			requireBody(w, resp, "one two", nil)
			n, err := resp.Body.Read(make([]byte, 1))
			require.Zero(w, n)
			require.Equal(w, io.EOF, err, "the end of a body is sticky, even after Close")
		}
		require.Equal(w, 1, w.x.Dials())
	})
}

// headFaults are the ways to fail before the head of a response has arrived.
var headFaults = []struct {
	name      string
	do        func(l *exectest.Link, r *exectest.Request)
	stage     transport.Stage
	permanent bool
	text      string
	wraps     error
	linkLives bool // the link survives, even if it is not shared
	linkDies  bool // the link ends, even if it is shared
}{
	{name: "parameters refused", stage: transport.NotSent, permanent: true, text: "no such field (-32602)", linkLives: true,
		do: func(_ *exectest.Link, r *exectest.Request) { r.Fail(execproto.CodeInvalidParams, "no such field", nil) }},
	{name: "method unknown", stage: transport.NotSent, permanent: true, text: "-32601", linkLives: true,
		do: func(_ *exectest.Link, r *exectest.Request) { r.Fail(execproto.CodeUnknownMethod, "what?", nil) }},
	{name: "not now", stage: transport.NotSent, text: "-32600", linkLives: true,
		do: func(_ *exectest.Link, r *exectest.Request) {
			r.Fail(execproto.CodeInvalidRequest, "first initialize", nil)
		}},
	{name: "failed", stage: transport.MaybeSent, text: "refused (-32603)", linkLives: true,
		do: func(_ *exectest.Link, r *exectest.Request) { r.Fail(execproto.CodeFailed, "refused", nil) }},
	{name: "unknown code", stage: transport.MaybeSent, text: "(7)", linkLives: true,
		do: func(_ *exectest.Link, r *exectest.Request) { r.Fail(7, "odd", nil) }},
	{name: "failed, not sent", stage: transport.NotSent, linkLives: true, do: failStaged("notSent", false)},
	{name: "failed, not sent, permanent", stage: transport.NotSent, permanent: true, linkLives: true, do: failStaged("notSent", true)},
	{name: "failed, maybe sent, permanent", stage: transport.MaybeSent, permanent: true, linkLives: true, do: failStaged("maybeSent", true)},
	{name: "failed, an unknown stage", stage: transport.MaybeSent, linkLives: true, do: failStaged("half", true)},
	{name: "link cut", stage: transport.MaybeSent, wraps: executor.ErrLinkLost, linkDies: true,
		do: func(l *exectest.Link, _ *exectest.Request) { l.Cut() }},
	{name: "link closed", stage: transport.MaybeSent, wraps: executor.ErrLinkLost, linkDies: true,
		do: func(l *exectest.Link, _ *exectest.Request) { _ = l.Close() }},
	{name: "not JSON", stage: transport.MaybeSent, wraps: executor.ErrLinkLost, linkDies: true, text: "invalid message", do: raw(`{"id":`)},
	{name: "a batch", stage: transport.MaybeSent, wraps: executor.ErrLinkLost, linkDies: true, text: "batch", do: raw(`[]`)},
	{name: "neither result nor error", stage: transport.MaybeSent, wraps: executor.ErrLinkLost, linkDies: true, do: raw(`{"id":2}`)},
	{name: "over the limit", stage: transport.MaybeSent, wraps: executor.ErrLinkLost, linkDies: true, text: "limit of 8388608 bytes",
		do: func(l *exectest.Link, _ *exectest.Request) { l.Raw(`{"method":"` + strings.Repeat("x", 8<<20) + `"}`) }},
	{name: "an error without a request", stage: transport.MaybeSent, wraps: executor.ErrLinkLost, linkDies: true, text: "failed to parse",
		do: raw(`{"error":{"code":-32600,"message":"failed to parse"},"id":-1}`)},
	{name: "no status", stage: transport.MaybeSent, text: "missing field `status`", do: result(`{}`)},
	{name: "impossible status", stage: transport.MaybeSent, text: "status 99", do: result(`{"status":99}`)},
	{name: "invalid header field", stage: transport.MaybeSent, text: `"x y"`, do: result(`{"status":200,"headers":[{"name":"x y","value":"1"}]}`)},
	{name: "line break in a header", stage: transport.MaybeSent, text: `"x"`, do: result(`{"status":200,"headers":[{"name":"x","value":"1\r\ny: 2"}]}`)},
	{name: "body of a streamed response", stage: transport.MaybeSent, text: "contains a body", do: result(`{"status":200,"bodyBase64":"eA=="}`)},
	{name: "first delta not the first", stage: transport.MaybeSent, text: "got body delta 2, expected 1",
		do: func(_ *exectest.Link, r *exectest.Request) { r.Delta(2, "x", false, "") }},
	{name: "body failed first", stage: transport.MaybeSent, text: "broken",
		do: func(_ *exectest.Link, r *exectest.Request) { r.Delta(1, "", true, "broken") }},
}

func raw(text string) func(*exectest.Link, *exectest.Request) {
	return func(l *exectest.Link, _ *exectest.Request) { l.Raw(text) }
}

func result(text string) func(*exectest.Link, *exectest.Request) {
	return func(l *exectest.Link, r *exectest.Request) { l.Raw(`{"id":` + r.RequestID + `,"result":` + text + `}`) }
}

func failStaged(stage string, permanent bool) func(*exectest.Link, *exectest.Request) {
	return func(_ *exectest.Link, r *exectest.Request) {
		r.Fail(execproto.CodeFailed, "it failed", map[string]any{"stage": stage, "permanent": permanent})
	}
}

func TestFaultsBeforeTheHead(t *testing.T) {
	for _, f := range headFaults {
		t.Run(f.name, func(t *testing.T) {
			inBothModes(t, executor.Options{}, func(w *world) {
				r, ch := w.begin(w.Context(), w.l)
				f.do(w.l, r)
				err := w.failed(ch)
				requireStage(w, err, f.stage, f.permanent, f.text)
				if f.wraps != nil {
					require.ErrorIs(w, err, f.wraps)
				}
				if w.lives(f.linkLives, f.linkDies) {
					w.works(w.l)
				} else {
					w.l.Ended()
					w.worksOnNewLink()
				}
			})
		})
	}
}

// lives reports whether the link survives a fault of one exchange.
func (w *world) lives(always, never bool) bool {
	shared := strings.HasSuffix(w.Name(), "/shared")
	return always || shared && !never
}

// bodyFaults are the ways to fail in the body, after the piece "one " has arrived.
var bodyFaults = []struct {
	name      string
	do        func(l *exectest.Link, r *exectest.Request)
	before    string // more bytes that can be read before the error
	text      string
	wraps     error
	linkLives bool
	linkDies  bool
}{
	{name: "gap", text: "got body delta 3, expected 2", do: func(_ *exectest.Link, r *exectest.Request) { r.Delta(3, "x", false, "") }},
	{name: "repeat", text: "got body delta 1, expected 2", do: func(_ *exectest.Link, r *exectest.Request) { r.Delta(1, "x", false, "") }},
	{name: "gap at the end", text: "got body delta 9, expected 2", linkLives: true,
		do: func(_ *exectest.Link, r *exectest.Request) { r.Delta(9, "x", true, "") }},
	{name: "bad base64", text: "delta 2 is not base64", do: delta(`"seq":2,"deltaBase64":"!!!!","done":false,"error":null`)},
	{name: "base64 without padding", text: "delta 2 is not base64", do: delta(`"seq":2,"deltaBase64":"eA"`)},
	{name: "failed", text: "the executor failed: error decoding response body", before: "two", linkLives: true,
		do: func(_ *exectest.Link, r *exectest.Request) { r.Delta(2, "two", true, "error decoding response body") }},
	{name: "failed, not done", text: "error decoding", before: "two",
		do: func(_ *exectest.Link, r *exectest.Request) { r.Delta(2, "two", false, "error decoding") }},
	{name: "failed with an empty text", text: "the executor failed", linkLives: true, do: delta(`"seq":2,"deltaBase64":"","done":true,"error":""`)},
	{name: "link cut", wraps: executor.ErrLinkLost, linkDies: true, do: func(l *exectest.Link, _ *exectest.Request) { l.Cut() }},
	{name: "link closed after a piece", wraps: executor.ErrLinkLost, linkDies: true, before: "two",
		do: func(l *exectest.Link, r *exectest.Request) { r.Delta(2, "two", false, ""); _ = l.Close() }},
	{name: "not JSON after a piece", wraps: executor.ErrLinkLost, linkDies: true, before: "two", text: "invalid message",
		do: func(l *exectest.Link, r *exectest.Request) { r.Delta(2, "two", false, ""); l.Raw("}") }},
	{name: "delta without an id", wraps: executor.ErrLinkLost, linkDies: true, text: "requestId",
		do: raw(`{"method":"http/request/bodyDelta","params":{"seq":2}}`)},
	{name: "an error without a request", wraps: executor.ErrLinkLost, linkDies: true, do: raw(`{"error":{"code":-32600,"message":"?"},"id":-1}`)},
}

func delta(members string) func(*exectest.Link, *exectest.Request) {
	return func(l *exectest.Link, r *exectest.Request) {
		l.Raw(fmt.Sprintf(`{"method":"http/request/bodyDelta","params":{"requestId":%q,%s}}`, r.RequestID, members))
	}
}

func TestFaultsInTheBody(t *testing.T) {
	for _, f := range bodyFaults {
		t.Run(f.name, func(t *testing.T) {
			inBothModes(t, executor.Options{}, func(w *world) {
				r, resp := w.open(w.Context(), w.l)
				r.Piece("one ")
				synctest.Wait()
				f.do(w.l, r)
				requireBody(w, resp, "one "+f.before, func(err error) {
					requireStage(w, err, transport.MaybeSent, false, f.text)
					if f.wraps != nil {
						require.ErrorIs(w, err, f.wraps)
					}
				})
				if w.lives(f.linkLives, f.linkDies) {
					w.works(w.l)
				} else {
					w.l.Ended()
					w.worksOnNewLink()
				}
			})
		})
	}
}

// harmless are messages that an executor may send during an exchange.
var harmless = map[string]func(l *exectest.Link, r *exectest.Request){
	"delta of an unknown id":     raw(`{"method":"http/request/bodyDelta","params":{"requestId":"777","seq":1,"deltaBase64":"eA==","done":false,"error":null}}`),
	"bad delta of an unknown id": raw(`{"method":"http/request/bodyDelta","params":{"requestId":"777","seq":9,"deltaBase64":"!","done":true,"error":"x"}}`),
	"delta of an invalid id":     raw(`{"method":"http/request/bodyDelta","params":{"requestId":"http-1","seq":1,"deltaBase64":"eA==","done":true}}`),
	"deltas of other spellings of the id": func(l *exectest.Link, r *exectest.Request) {
		for _, prefix := range []string{"+", "0", " ", "-"} {
			l.Raw(`{"method":"http/request/bodyDelta","params":{"requestId":"` + prefix + r.RequestID + `","seq":2,"deltaBase64":"eA==","done":true}}`)
		}
	},
	"result of an unknown id":          raw(`{"id":777,"result":{"status":500}}`),
	"result of an id that is a string": raw(`{"id":"777","result":{"status":500}}`),
	"error of an unknown id":           raw(`{"error":{"code":-32603,"message":"x"},"id":777}`),
	"result without a request":         raw(`{"id":-1,"result":{}}`),
	"unknown notification":             raw(`{"method":"process/output","params":{"a":[1,2]}}`),
	"unknown members":                  raw(`{"jsonrpc":"2.0","method":"x","trace":{},"params":null}`),
	"second head": func(l *exectest.Link, r *exectest.Request) {
		l.Raw(`{"id":` + r.RequestID + `,"result":{"status":500}}`)
	},
	"second answer": func(_ *exectest.Link, r *exectest.Request) { r.Fail(execproto.CodeFailed, "late", nil) },
}

func TestHarmlessMessages(t *testing.T) {
	for name, do := range harmless {
		t.Run(name, func(t *testing.T) {
			inBothModes(t, executor.Options{}, func(w *world) {
				r, resp := w.open(w.Context(), w.l)
				r.Piece("one ")
				do(w.l, r)
				r.Piece("two")
				r.Done()
				requireBody(w, resp, "one two", nil)
				do(w.l, r) // again, after the exchange has finished
				synctest.Wait()
				w.works(w.l)
				require.Equal(w, 1, w.x.Dials())
			})
		})
	}
}

func TestEndsOfBodies(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(l *exectest.Link, r *exectest.Request)
		body string
	}{
		"data on the last delta":  {func(_ *exectest.Link, r *exectest.Request) { r.Delta(1, "all", true, ""); r.Head(200) }, "all"},
		"delta before the result": {func(_ *exectest.Link, r *exectest.Request) { r.Piece("a"); r.Head(200); r.Piece("b"); r.Done() }, "ab"},
		"end before the result":   {func(_ *exectest.Link, r *exectest.Request) { r.Piece("a"); r.Done(); r.Head(200) }, "a"},
		"deltas between an early end and the result": {func(_ *exectest.Link, r *exectest.Request) {
			r.Piece("a")
			r.Done()
			r.Piece("b")
			r.Delta(9, "c", false, "late")
			r.Head(200)
		}, "a"},
		"absent done and error": {func(l *exectest.Link, r *exectest.Request) {
			r.Head(200)
			delta(`"seq":1,"deltaBase64":"eA=="`)(l, r)
			delta(`"seq":2,"deltaBase64":"eQ==","done":null,"error":null`)(l, r)
			delta(`"seq":3,"done":true`)(l, r)
		}, "xy"},
		"deltas after the end": {func(_ *exectest.Link, r *exectest.Request) {
			r.Head(200)
			r.Piece("a")
			r.Done()
			r.Piece("b")
			r.Delta(9, "c", false, "late")
		}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			inBothModes(t, executor.Options{}, func(w *world) {
				r, ch := w.begin(w.Context(), w.l)
				c.do(w.l, r)
				requireBody(w, w.response(ch), c.body, nil)
				synctest.Wait()
				w.works(w.l)
				require.Equal(w, 1, w.x.Dials())
			})
		})
	}
}

func TestFailureAfterAnEarlyEnd(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		r, ch := w.begin(w.Context(), w.l)
		r.Done()
		pending(w, ch)
		r.Fail(execproto.CodeFailed, "after all", nil)
		requireStage(w, w.failed(ch), transport.MaybeSent, false, "after all")
		w.works(w.l)
	})
}

// If a body fails before the head of the response has arrived, its exchange holds the link only
// until the head arrives.
func TestFailureBeforeTheHeadDoesNotHoldTheLink(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxLinks: 2})
		for range 3 {
			r, ch := w.begin(t.Context(), w.l)
			r.Delta(7, "", true, "")
			requireStage(t, w.failed(ch), transport.MaybeSent, false, "got body delta 7, expected 1")
			requireEnded(t, w.l)
			w.l = w.worksOnNewLink()
		}
	})
}

func TestRequestsOfTheExecutor(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		r, resp := w.open(w.Context(), w.l)
		for range 100 { // the executor reads the responses
			w.l.Raw(`{"id":"q-1","method":"network/policyRequest","params":{}}`)
			m, err := w.l.Next()
			require.NoError(w, err)
			require.Equal(w, execproto.Failure, m.Kind)
			require.Equal(w, `"q-1"`, string(m.RawID))
			require.Equal(w, int64(execproto.CodeUnknownMethod), m.Error.Code)
		}
		r.Done()
		requireBody(w, resp, "", nil)
		w.works(w.l)
	})
}

// If an executor sends requests and does not read the responses, its link ends. Until then every
// queue stays bounded.
func TestFloodOfRequestsFromTheExecutor(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		_, resp := w.open(w.Context(), w.l)
		for range 1000 {
			if w.l.Send([]byte(`{"id":1,"method":"are/you/there"}`)) != nil {
				break
			}
		}
		requireBody(w, resp, "", func(err error) {
			requireStage(w, err, transport.MaybeSent, false, "it sends requests faster than it reads the responses")
			require.ErrorIs(w, err, executor.ErrLinkLost)
		})
		w.worksOnNewLink()
	})
}
