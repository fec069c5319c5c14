package streamablehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/pacing"
	"github.com/hawser-mcp/hawser/internal/release"
	"github.com/hawser-mcp/hawser/transport"
)

var errLink = errors.New("link lost")

// turn returns the response, or the error, for one request of a script.
type turn func(*http.Request) (*http.Response, error)

func events(s string) turn {
	return func(*http.Request) (*http.Response, error) { return stream(s), nil }
}

func cutAfter(s string) turn {
	return func(*http.Request) (*http.Response, error) {
		return respond(http.StatusOK, typeStream, failing(s, errLink)), nil
	}
}

// late sends s and ends the stream after d.
func late(d time.Duration, s string) turn {
	return func(*http.Request) (*http.Response, error) {
		r, w := io.Pipe()
		go func() {
			time.Sleep(d) // of fake time
			_, _ = io.WriteString(w, s)
			_ = w.Close() // always returns nil
		}()
		return respond(http.StatusOK, typeStream, r), nil
	}
}

func refuse(status int) turn {
	return func(*http.Request) (*http.Response, error) { return text(status, "text/plain", "no"), nil }
}

func fail(err error) turn {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// script answers requests with its turns in order, then repeats the last one. It records each
// request and its time.
type script struct {
	turns   []turn
	methods []string
	cursors []string
	waited  []time.Duration // before each request
	last    time.Time
	headers []http.Header
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	if s.last.IsZero() {
		s.last = time.Now()
	}
	s.methods = append(s.methods, req.Method)
	s.cursors = append(s.cursors, strings.Join(req.Header[headerCursor], "|"))
	s.waited = append(s.waited, time.Since(s.last))
	s.headers = append(s.headers, req.Header)
	s.last = time.Now()
	next := s.turns[0]
	if len(s.turns) > 1 {
		s.turns = s.turns[1:]
	}
	return next(req)
}

func (s *script) gets() int { return len(s.methods) - 1 }

// runScript makes one legacy call to a script, in fake time.
func runScript(t *testing.T, turns []turn, check func(t *testing.T, s *script, recv *heard, err error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{turns: turns}
		recv, err := callOnce(t, s)
		for _, method := range s.methods[1:] {
			require.Equal(t, http.MethodGet, method, "the request itself is sent once")
		}
		check(t, s, recv, err)
	})
}

func TestResume(t *testing.T) {
	notification := `data: {"jsonrpc":"2.0","method":"m"}` + "\n\n"
	for name, row := range map[string]struct {
		turns   []turn
		cursors []string
	}{
		"after a clean end":   {[]turn{events("id: 1\n\n"), events(answerEvent)}, []string{"", "1"}},
		"after a cut":         {[]turn{cutAfter("id: 1\n\n"), events(answerEvent)}, []string{"", "1"}},
		"cut within an event": {[]turn{cutAfter("id: 1\n\nid: 2\ndata: {"), events(answerEvent)}, []string{"", "1"}},
		"id on a message":     {[]turn{events("id: a b\n" + notification), events(answerEvent)}, []string{"", "a b"}},
		"id moves on":         {[]turn{events("id: 1\n\nid: 2\n\n"), cutAfter("id: 3\n" + notification), events(answerEvent)}, []string{"", "2", "3"}},
		"connections without events": {
			[]turn{events("id: 1\n\n"), events(""), events(": hi\n\n"), cutAfter(""), events(answerEvent)}, []string{"", "1", "1", "1", "1"},
		},
		"messages without ids":      {[]turn{events("id: 1\n\n"), events(notification), events(answerEvent)}, []string{"", "1", "1"}},
		"after a failed GET":        {[]turn{events("id: 1\n\n"), refuse(503), fail(errLink), refuse(429), events(answerEvent)}, []string{"", "1", "1", "1", "1"}},
		"before the server noticed": {[]turn{cutAfter("id: 1\n\n"), refuse(409), refuse(409), events(answerEvent)}, []string{"", "1", "1", "1"}},
		"failures in between": {
			[]turn{events("id: 1\n\n"), refuse(503), refuse(500), refuse(502), events(""), refuse(504), refuse(408), refuse(503), events(answerEvent)},
			[]string{"", "1", "1", "1", "1", "1", "1", "1", "1"},
		},
	} {
		runScript(t, row.turns, func(t *testing.T, s *script, recv *heard, err error) {
			t.Helper()
			require.NoError(t, err, name)
			require.Equal(t, result, recv.result, name)
			require.Equal(t, row.cursors, s.cursors, name)
			require.Equal(t, http.Header{
				"Accept": {typeStream}, "User-Agent": {release.UserAgent}, headerVersion: {"2025-11-25"}, headerSession: {"session-1"}, headerCursor: {"1"},
			}, requireCursor(s.headers[1], "1"), name)
		})
	}
}

// requireCursor returns a copy of h with the given cursor, for comparing the other headers.
func requireCursor(h http.Header, cursor string) http.Header {
	h = h.Clone()
	h.Set(headerCursor, cursor)
	return h
}

func TestResumeBringsTheRest(t *testing.T) {
	first := `id: 1` + "\n" + `data: {"jsonrpc":"2.0","method":"a"}` + "\n\n"
	second := `id: 2` + "\n" + `data: {"jsonrpc":"2.0","id":7,"method":"b"}` + "\n\n"
	runScript(t, []turn{cutAfter(first), cutAfter(second), events(answerEvent)}, func(t *testing.T, _ *script, recv *heard, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, []string{"notification a ", "request 7 b "}, recv.messages)
	})
	answered := `data: {"jsonrpc":"2.0","id":1,"error":{"code":4,"message":"no"}}` + "\n\n"
	runScript(t, []turn{cutAfter(first), events(answered)}, func(t *testing.T, _ *script, _ *heard, err error) {
		t.Helper()
		require.IsType(t, (*RPCError)(nil), err)
	})
	runScript(t, []turn{cutAfter(first), events("data: {]\n\n")}, func(t *testing.T, _ *script, _ *heard, err error) {
		t.Helper()
		require.IsType(t, (*ProtocolError)(nil), err)
	})
}

// While the stream makes progress, the server's reconnection time is used as it is, up to a minute.
func TestResumeHonoursRetry(t *testing.T) {
	for field, want := range map[string]time.Duration{
		"1500": 1500 * time.Millisecond, "60000": time.Minute, "60001": time.Minute, "99999999999999999999": time.Minute,
		"100": 100 * time.Millisecond, "99": pacing.Floor, "0": pacing.Floor,
	} {
		turns := []turn{events("id: 1\nretry: " + field + "\n\n"), events("id: 2\n\n"), refuse(503), cutAfter("id: 3\n\n"), events(answerEvent)}
		runScript(t, turns, func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			require.NoError(t, err)
			require.Equal(t, []time.Duration{0, want, want, want, want}, s.waited, field)
		})
	}
	runScript(t, []turn{events("retry: 100\nid: 1\n\n"), events("id: 2\nretry: 200\n\n"), events("id: 3\nretry: x\n\n"), events(answerEvent)},
		func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			require.NoError(t, err)
			const ms = time.Millisecond
			require.Equal(t, []time.Duration{0, 100 * ms, 200 * ms, 200 * ms}, s.waited, "kept until a newer one arrives")
		})
}

// Without a reconnection time, reconnects back off while nothing new arrives. A new event ID resets
// the backoff.
func TestResumeBacksOff(t *testing.T) {
	turns := []turn{events("id: 1\n\n")}
	for range 12 {
		turns = append(turns, events(": nothing yet\n\n"))
	}
	turns = append(turns, events("id: 2\n\n"), events(answerEvent))
	runScript(t, turns, func(t *testing.T, s *script, _ *heard, err error) {
		t.Helper()
		require.NoError(t, err)
		expected := resumeInitial
		for i, waited := range s.waited[1 : len(s.waited)-1] {
			require.InDelta(t, float64(expected), float64(waited), float64(expected)/5+1, "wait %d", i)
			expected = min(2*expected, pacing.Ceiling)
		}
		require.LessOrEqual(t, s.waited[len(s.waited)-1], resumeInitial*6/5)
	})
}

// A server that requests an immediate reconnect and closes each stream at once does not cause a
// busy loop. Without new events the wait grows, even beyond the time that the server requested.
// With progress there are ten reconnects per second.
func TestResumeDoesNotSpin(t *testing.T) {
	moving := 0
	for _, row := range []struct {
		again func() string
		most  int // GETs in a minute
	}{
		{func() string { return "" }, 10},
		{func() string { return "retry: 0\n\n" }, 10},
		{func() string { return "id: 1\n\n" }, 10},
		{func() string { return ": x\n\n" }, 10},
		{func() string { moving++; return fmt.Sprintf("id: %d\n\n", moving) }, int(time.Minute / pacing.Floor)},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{turns: []turn{events("id: 1\nretry: 0\n\n"), func(*http.Request) (*http.Response, error) { return stream(row.again()), nil }}}
			c := newConn(t, s)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			recv := new(heard)
			err := c.do(ctx, c.legacy(), recv)
			requireCut(t, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.LessOrEqual(t, s.gets(), row.most)
		})
	}
}

// Modern streams are not resumed, even if their events had IDs.
func TestModernStreamsAreNotResumed(t *testing.T) {
	s := &script{turns: []turn{cutAfter("id: 1\n\n"), events(answerEvent)}}
	c := newConn(t, s)
	requireCut(t, c.do(t.Context(), c.modern(), new(heard)))
	require.Zero(t, s.gets())
}

// A resuming GET is repeated for the same statuses as other requests, and for 409.
func TestReconnectsByStatus(t *testing.T) {
	for status, reconnects := range map[int]bool{
		408: true, 409: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true, 520: true, 600: true, 999: true,
		400: false, 401: false, 403: false, 404: false, 405: false, 410: false, 501: false, 505: false, 302: false,
	} {
		busy := func(*http.Request) (*http.Response, error) { return text(status, "", ""), nil }
		runScript(t, []turn{events("id: 1\n\n"), busy, events(answerEvent)}, func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			if reconnects {
				require.NoError(t, err, status)
				require.Equal(t, 2, s.gets(), status)
				return
			}
			requireCut(t, err)
			require.Equal(t, 1, s.gets(), status)
		})
	}
}

// Reopening a stream does not count as an event of the call. Only messages on the stream count.
func TestResumeIsNoEvent(t *testing.T) {
	runScript(t, []turn{events("id: 1\n\n"), events(""), events(": x\n\n"), events(answerEvent)}, func(t *testing.T, _ *script, recv *heard, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, 2, recv.events, "the header and the answer; an event with only an id does not count")
	})
}

func TestResumeRefused(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 406, 410, 501} {
		runScript(t, []turn{cutAfter("id: 1\n\n"), refuse(status)}, func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			requireCut(t, err)
			require.ErrorIs(t, err, errLink)
			var refused *HTTPError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, status, refused.Status)
			require.Equal(t, 1, s.gets(), status)
		})
	}
	for name, bad := range map[string]turn{
		"no stream": func(*http.Request) (*http.Response, error) { return text(200, typeJSON, answer), nil },
		"nothing":   func(*http.Request) (*http.Response, error) { return text(204, "", ""), nil },
		"permanent": fail(&transport.Error{Stage: transport.NotSent, Permanent: true, Err: errLink}),
		"other redirect": func(req *http.Request) (*http.Response, error) {
			return (&redirecting{status: 302, targets: []string{"/x"}}).get(req)
		},
	} {
		runScript(t, []turn{events("id: 1\n\n"), bad}, func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			requireCut(t, err)
			require.ErrorIs(t, err, errNoAnswer, name)
			require.Equal(t, 1, s.gets(), name)
		})
	}
}

func (r *redirecting) get(req *http.Request) (*http.Response, error) {
	req.Body = io.NopCloser(strings.NewReader(""))
	return r.RoundTrip(req)
}

// Four failures in a row end the call.
func TestResumeGivesUp(t *testing.T) {
	for _, failure := range []turn{
		refuse(503), refuse(500), refuse(429), refuse(409), fail(errLink), fail(&transport.Error{Stage: transport.NotSent, Err: errLink}),
	} {
		runScript(t, []turn{events("id: 1\n\n"), failure}, func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			requireCut(t, err)
			require.ErrorIs(t, err, errNoAnswer)
			require.Equal(t, 4, s.gets())
		})
	}
}

// Some servers answer each GET for a stream that they no longer have with a stream that ends without
// a byte. A run of them ends the call. It takes ten streams and a minute, whatever reconnection time
// the server requested.
func TestResumeGivesUpOnEmptyStreams(t *testing.T) {
	for name, row := range map[string]struct {
		first string
		empty turn
		least time.Duration
		most  time.Duration
	}{
		"ended":             {"id: 1\n\n", events(""), time.Minute, 3 * time.Minute},
		"cut":               {"id: 1\n\n", cutAfter(""), time.Minute, 3 * time.Minute},
		"short retry":       {"id: 1\nretry: 1\n\n", events(""), time.Minute, 3 * time.Minute},
		"long retry":        {"id: 1\nretry: 60000\n\n", events(""), 10 * time.Minute, 11 * time.Minute},
		"open for a second": {"id: 1\n\n", late(time.Second, ""), time.Minute, 3 * time.Minute},
		"another answer":    {"id: 1\n\n", events(`data: {"jsonrpc":"2.0","id":99,"result":{}}` + "\n\n"), time.Minute, 3 * time.Minute},
		"another error": {
			"id: 1\n\n", events(`data: {"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"no such stream"}}` + "\n\n"),
			time.Minute, 3 * time.Minute,
		},
	} {
		turns := append([]turn{events(row.first)}, slices.Repeat([]turn{row.empty}, 5*emptyStreams)...)
		runScript(t, append(turns, events(answerEvent)), func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			requireCut(t, err)
			require.ErrorContains(t, err, "resumed streams had nothing for the request", name)
			require.GreaterOrEqual(t, s.gets(), emptyStreams, name)
			took := time.Duration(0)
			for _, waited := range s.waited {
				took += waited
			}
			require.GreaterOrEqual(t, took, row.least, name)
			require.LessOrEqual(t, took, row.most, name)
		})
	}
}

// A server may make clients poll for a slow answer as often as it likes, if its streams show that it
// still serves the call: with an event ID, even the same one, with a reconnection time, with a
// comment, or by staying open. One such stream also ends a run of empty ones.
func TestResumePollsWithoutEnd(t *testing.T) {
	const polls = 100
	for name, sign := range map[string]turn{
		"same ID": events("id: 1\ndata: \n\n"), "reconnection time": events("retry: 1000\n\n"), "comment": events(": working\n\n"),
		"cut comment": cutAfter(": working\n"), "stays open": late(emptyLife, ""),
		"progress":                    events(`data: {"jsonrpc":"2.0","method":"m"}` + "\n\n"),
		"another answer and progress": events(`data: {"jsonrpc":"2.0","id":99,"result":{}}` + "\n\n" + `data: {"jsonrpc":"2.0","method":"m"}` + "\n\n"),
	} {
		turns := []turn{events("id: 1\nretry: 1000\n\n")}
		for range polls {
			turns = append(turns, sign)
		}
		for range emptyStreams - 1 {
			turns = append(turns, events(""))
		}
		turns = append(turns, sign)
		for range emptyStreams - 1 {
			turns = append(turns, events(""))
		}
		runScript(t, append(turns, events(answerEvent)), func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			require.NoError(t, err, name)
			require.Equal(t, polls+2*emptyStreams, s.gets(), name)
		})
	}
}

// A resuming GET honours Retry-After.
func TestResumeHonoursRetryAfter(t *testing.T) {
	busy := func(*http.Request) (*http.Response, error) {
		resp := text(http.StatusServiceUnavailable, "", "")
		resp.Header.Set("Retry-After", "7")
		return resp, nil
	}
	runScript(t, []turn{events("id: 1\n\n"), busy, events(answerEvent)}, func(t *testing.T, s *script, _ *heard, err error) {
		t.Helper()
		require.NoError(t, err)
		require.GreaterOrEqual(t, s.waited[2], 7*time.Second)
	})
}

// An event ID is sent back unchanged or not at all. An ID that a header would change is not used.
func TestResumeWithOddCursor(t *testing.T) {
	for _, id := range []string{"a\tb", "é", "\xff", strings.Repeat("x", 1000), "\"", "a,b"} {
		runScript(t, []turn{events("id: " + id + "\n\n"), events(answerEvent)}, func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			require.NoError(t, err)
			require.Equal(t, []string{"", id}, s.cursors)
		})
	}
	for _, id := range []string{"a\x01b", "\x7f", "\x1b[2J", " x", "x ", "\tx", "  "} {
		runScript(t, []turn{events("id: " + id + "\n\n"), events(answerEvent)}, func(t *testing.T, s *script, _ *heard, err error) {
			t.Helper()
			requireCut(t, err)
			require.ErrorIs(t, err, errNoAnswer)
			require.Zero(t, s.gets(), "%q", id)
		})
	}
}

// An event ID of megabytes is not sent back.
func TestResumeWithHugeCursor(t *testing.T) {
	runScript(t, []turn{events("id: " + strings.Repeat("x", 1<<20) + "\n\n"), events(answerEvent)}, func(t *testing.T, s *script, _ *heard, err error) {
		t.Helper()
		requireCut(t, err)
		require.Zero(t, s.gets())
	})
}
