package streamablehttp

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/release"
	"github.com/hawser-mcp/hawser/transport"
)

// recorder copies the header of each request and answers with reply.
type recorder struct {
	reply func(*http.Request) *http.Response

	mu       sync.Mutex
	requests []recorded
}

type recorded struct {
	method string
	header http.Header
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, recorded{req.Method, req.Header.Clone()})
	return r.reply(req), nil
}

func (r *recorder) last() recorded { return r.requests[len(r.requests)-1] }

func answerAny(req *http.Request) *http.Response {
	switch req.Method {
	case http.MethodGet:
		return stream("")
	case http.MethodDelete:
		return text(http.StatusNoContent, "", "")
	}
	return text(http.StatusOK, typeJSON, answer)
}

func TestHeadersOfLegacyRequests(t *testing.T) {
	rt := &recorder{reply: answerAny}
	c := newConn(t, rt, func(cfg *Config) { cfg.Header = http.Header{"x-tenant": {"a", "b"}} })
	s := c.NewSession("2025-06-18", "id-1", false)
	require.Equal(t, "2025-06-18", s.Version())
	require.Equal(t, "id-1", s.ID())

	req := toolCall()
	req.Params, req.Header = []Param{{"City", "x"}}, http.Header{"x-once": {"1"}}
	require.NoError(t, c.Notify(t.Context(), s, req))
	common := http.Header{"X-Tenant": {"a", "b"}, "User-Agent": {release.UserAgent}, headerVersion: {"2025-06-18"}, headerSession: {"id-1"}}
	post := common.Clone()
	post["Content-Type"], post["Accept"], post["X-Once"] = []string{typeJSON}, []string{"application/json, text/event-stream"}, []string{"1"}
	require.Equal(t, recorded{http.MethodPost, post}, rt.last())

	require.Error(t, c.Listen(t.Context(), s, new(Cursor), new(heard), nil))
	get := common.Clone()
	get["Accept"] = []string{typeStream}
	require.Equal(t, recorded{http.MethodGet, get}, rt.last())

	require.NoError(t, c.Delete(t.Context(), s))
	require.Equal(t, recorded{http.MethodDelete, common}, rt.last())

	require.NoError(t, c.Notify(t.Context(), c.NewSession("", "", false), toolCall()))
	require.NotContains(t, rt.last().header, headerVersion)
	require.NotContains(t, rt.last().header, headerSession)
}

// A User-Agent of the caller's replaces the default. An empty one sends none.
func TestUserAgentOfTheCaller(t *testing.T) {
	for _, own := range [][]string{{"crawler/7"}, {""}} {
		rt := &recorder{reply: answerAny}
		c := newConn(t, rt, func(cfg *Config) { cfg.Header = http.Header{"user-agent": own} })
		for _, modern := range []bool{false, true} {
			require.NoError(t, c.Notify(t.Context(), c.NewSession("", "", modern), toolCall()))
			require.Equal(t, own, rt.last().header["User-Agent"])
		}
	}
}

func TestHeadersOfModernRequests(t *testing.T) {
	rt := &recorder{reply: answerAny}
	c := newConn(t, rt, func(cfg *Config) { cfg.AcceptGzip = true })
	s := c.NewSession("2026-07-28", "must not be sent", true)
	req := toolCall()
	req.Name = "žluťoučký"
	req.Params = []Param{{"City", "Brno"}, {"empty", ""}, {"X-Look", "=?base64?YQ==?="}, {"sp", " a "}}
	require.NoError(t, c.Notify(t.Context(), s, req))
	require.Equal(t, http.Header{
		"Content-Type": {typeJSON}, "Accept": {"application/json, text/event-stream"}, "Accept-Encoding": {"gzip"}, "User-Agent": {release.UserAgent},
		headerVersion: {"2026-07-28"}, headerMethod: {"tools/call"}, headerName: {"=?base64?xb5sdcWlb3XEjWvDvQ==?="},
		"Mcp-Param-City": {"Brno"}, "Mcp-Param-Empty": {""}, "Mcp-Param-X-Look": {"=?base64?PT9iYXNlNjQ/WVE9PT89?="}, "Mcp-Param-Sp": {"=?base64?IGEg?="},
	}, rt.last().header)

	req = &Request{ID: 1, Method: "ping", Body: []byte("{}")}
	require.NoError(t, c.Notify(t.Context(), s, req))
	require.NotContains(t, rt.last().header, headerName)
	require.NotContains(t, rt.last().header, headerSession)

	req.HasName = true
	require.NoError(t, c.Notify(t.Context(), s, req))
	require.Equal(t, []string{""}, rt.last().header[headerName], "an empty name is a name")
}

// The hook's headers are set last. An invalid or reserved header fails the request before it is
// sent.
func TestHook(t *testing.T) {
	rt := &recorder{reply: answerAny}
	var hook func(http.Header) error
	c := newConn(t, rt, func(cfg *Config) {
		cfg.Header = http.Header{"X-Who": {"config"}}
		cfg.Hook = func(_ context.Context, h http.Header) error { return hook(h) }
	})
	hook = func(h http.Header) error {
		h["x-who"] = []string{"hook"}
		return nil
	}
	require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
	require.Equal(t, []string{"hook"}, rt.last().header["X-Who"])

	failure := errors.New("no token")
	for _, hook = range []func(http.Header) error{
		func(http.Header) error { return failure },
		func(h http.Header) error { h.Set("Mcp-Session-Id", "x"); return nil },
		func(h http.Header) error { h["X"] = []string{"a\nb"}; return nil },
	} {
		err := c.do(t.Context(), c.legacy(), new(heard))
		link, ok := err.(*transport.Error)
		require.True(t, ok, "%T", err)
		require.Equal(t, transport.NotSent, link.Stage)
		require.True(t, link.Permanent)
	}
	require.Len(t, rt.requests, 1)
}

// careless is a decorator that changes the request that it gets, as some real ones do.
type careless struct {
	base http.RoundTripper
	next func() string
}

func (d careless) RoundTrip(req *http.Request) (*http.Response, error) {
	id := d.next()
	req.Header.Set("X-Trace", id)
	for name := range req.Header {
		if name != "X-Trace" {
			req.Header[name] = append(req.Header[name], id)
		}
	}
	req.Header.Add("X-Added", id)
	req.URL.RawQuery = "trace=" + id
	return d.base.RoundTrip(req)
}

// Each request has its own header map, and shared values have no spare capacity to append to. Run
// this test with -race.
func TestCarelessDecorator(t *testing.T) {
	roomy := func(value string) []string { return append(make([]string, 0, 8), value) }
	fromHook := roomy("hook")
	ofCalls := http.Header{"X-Call": roomy("call")}
	var mu sync.Mutex
	count := 0
	next := func() string {
		mu.Lock()
		defer mu.Unlock()
		count++
		return strconv.Itoa(count)
	}
	check := roundTripper(func(req *http.Request) (*http.Response, error) {
		id := req.Header.Get("X-Trace")
		for name, values := range req.Header {
			want := 2
			if name == "X-Trace" || name == "X-Added" {
				want = 1
			}
			if len(values) != want || values[want-1] != id || req.URL.RawQuery != "trace="+id {
				return nil, errors.New("another request's value in " + name)
			}
		}
		return answerAny(req), nil
	})
	c := newConn(t, careless{check, next}, func(cfg *Config) {
		cfg.Header = http.Header{"X-Config": roomy("config")}
		cfg.Hook = func(_ context.Context, h http.Header) error {
			h["X-Hook"] = fromHook
			return nil
		}
	})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			s := c.legacy()
			if i%2 == 0 {
				s = c.modern()
			}
			req := toolCall()
			req.Header, req.Params = ofCalls, []Param{{"A", "1"}, {"B", "2"}}
			if err := c.Call(t.Context(), s, req, new(heard)); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
			if err := c.Delete(t.Context(), s); err != nil {
				t.Errorf("delete %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, []string{"hook"}, fromHook)
	require.Empty(t, fromHook[:2][1], "the hook's own slice must not be appended to")
	require.Equal(t, http.Header{"X-Call": {"call"}}, ofCalls)
}
