package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// Invalid options are refused before anything is sent.
func TestConnectRefusesInvalidOptions(t *testing.T) {
	refuse := roundTripper(func(*http.Request) (*http.Response, error) {
		panic("nothing may be sent")
	})
	for name, row := range map[string]struct {
		url  string
		opts mcpclient.Options
	}{
		"no URL":            {"", mcpclient.Options{}},
		"relative URL":      {"/mcp", mcpclient.Options{}},
		"other scheme":      {"ftp://host/mcp", mcpclient.Options{}},
		"no host":           {"http:///mcp", mcpclient.Options{}},
		"unparsable URL":    {"http://host/%zz?token=secret", mcpclient.Options{}},
		"password":          {"http://user:secret@host/mcp", mcpclient.Options{}},
		"unknown version":   {"http://host/mcp", mcpclient.Options{ProtocolVersion: "2024-10-07"}},
		"unknown loss":      {"http://host/mcp", mcpclient.Options{SessionLoss: 7}},
		"protocol's header": {"http://host/mcp", mcpclient.Options{Header: http.Header{"Mcp-Session-Id": {"x"}}}},
		"lower case header": {"http://host/mcp", mcpclient.Options{Header: http.Header{"mcp-method": {"x"}}}},
		"no header name":    {"http://host/mcp", mcpclient.Options{Header: http.Header{"a b": {"x"}}}},
		"bad header value":  {"http://host/mcp", mcpclient.Options{Header: http.Header{"A": {"secret\r\nX: y"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			row.opts.Transport = refuse
			s, err := connectTo(t.Context(), row.url, &row.opts)
			require.Nil(t, s)
			require.Equal(t, mcpclient.KindInvalid, failure(t, err).Kind, "%v", err)
			require.True(t, unsent(err))
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Invalid input fails the call without sending it.
func TestCallsRefuseInvalidInput(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		synctest.Wait()
		srv.Reset()
		call := func(args any, opts ...mcpclient.CallOption) func() error {
			return func() error { _, err := s.CallTool(t.Context(), "echo", args, opts...); return err }
		}
		request := func(method string, params any, opts ...mcpclient.CallOption) func() error {
			return func() error { _, err := s.Request(t.Context(), method, params, opts...); return err }
		}
		for name, f := range map[string]func() error{
			"array":             call([]int{1}),
			"number":            call(1),
			"text":              call("x"),
			"channel":           call(make(chan int)),
			"broken raw":        call(json.RawMessage(`{"a":`)),
			"two objects":       call(json.RawMessage(`{}{}`)),
			"protocol's header": call(nil, mcpclient.WithHeader("Mcp-Name", "x")),
			"header injection":  call(nil, mcpclient.WithHeader("X", "a\r\nb: c")),
			"protocol's _meta":  call(nil, mcpclient.WithMeta(map[string]any{"progressToken": 1})),
			"channel in _meta":  call(nil, mcpclient.WithMeta(map[string]any{"x": make(chan int)})),
			"no method":         request("", nil),
			"handshake":         request("initialize", nil),
			"stream":            request("subscriptions/listen", nil),
			"params array":      request("x", []int{}),
			"_meta in params":   request("x", map[string]any{"_meta": map[string]any{"io.modelcontextprotocol/protocolVersion": "x"}}),
			"unknown level":     func() error { return s.SetLogLevel(t.Context(), "loud") },
		} {
			err := f()
			require.Equal(t, mcpclient.KindInvalid, failure(t, err).Kind, "%s: %v", name, err)
			require.True(t, unsent(err), name)
			require.False(t, mcpclient.MayHaveRun(err), name)
		}
		require.Empty(t, srv.Methods())
	})
}

// Arguments that are nil, of any type, are sent as an empty object.
func TestNilArguments(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		type in struct{ A int }
		for name, args := range map[string]any{
			"nil": nil, "nil map": map[string]any(nil), "nil pointer": (*in)(nil), "nil raw": json.RawMessage(nil), "raw null": json.RawMessage("null"),
		} {
			res, err := s.CallTool(t.Context(), "echo", args)
			require.NoError(t, err, name)
			require.Equal(t, "{}", text(t, res), name)
		}
	})
}

// Headers from the options and from the header hook are sent with each request to the endpoint. If
// the hook fails for a call, the call fails without being sent.
func TestHeadersOfOptionsAndHook(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		type key struct{}
		header := http.Header{"x-tenant": {"a", "b"}}
		noTicket := errors.New("no ticket")
		var broken bool
		var d diary
		s := serve(t, srv, mcpclient.Options{Header: header, Handlers: d.handlers(), HeaderHook: func(ctx context.Context, h http.Header) error {
			if broken {
				return noTicket
			}
			require.Empty(t, h, "the hook gets an empty header")
			if v, ok := ctx.Value(key{}).(string); ok {
				h.Set("X-Ticket", v)
			}
			return nil
		}})
		synctest.Wait()
		_, err := s.CallTool(context.WithValue(t.Context(), key{}, "42"), "echo", nil)
		require.NoError(t, err)
		for _, r := range srv.Requests("") {
			require.Equal(t, []string{"a", "b"}, r.Header.Values("X-Tenant"), r.HTTP+r.Method)
		}
		require.Equal(t, "42", srv.Requests("tools/call")[0].Header.Get("X-Ticket"))
		require.Equal(t, http.Header{"x-tenant": {"a", "b"}}, header)
		broken = true
		_, err = s.CallTool(t.Context(), "echo", nil)
		require.ErrorIs(t, err, noTicket)
		require.True(t, unsent(err))
		require.Equal(t, 1, srv.Count("tools/call"))
		broken = false
		echoes(t, s)
	})
}

// The client does not modify values that the caller passes in. If the caller changes them later,
// the session is not affected.
func TestInputIsNotChanged(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		opts := mcpclient.Options{Transport: link.Transport, Header: http.Header{"X-A": {"1"}}}
		before := opts
		s, err := connectTo(t.Context(), link.URL, &opts)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		require.Equal(t, before.Header, opts.Header)
		opts.Header = before.Header
		require.Equal(t, mcpclient.Timeouts{}, opts.Timeouts, "defaults are not written back")
		require.Empty(t, opts.ClientInfo.Name)
		opts.Header.Set("X-A", "2")
		opts.Header.Set("X-B", "2")

		raw := json.RawMessage(`{ "a" : 1 }   `)
		meta := map[string]any{"m": map[string]any{"x": 1}}
		params := map[string]any{"name": "echo", "arguments": map[string]any{}, "_meta": meta}
		for range 2 {
			_, err = s.CallTool(t.Context(), "echo", raw[:11], mcpclient.WithMeta(meta), mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {}))
			require.NoError(t, err)
			_, err = s.Request(t.Context(), "tools/call", params)
			require.NoError(t, err)
		}
		require.Equal(t, `{ "a" : 1 }   `, string(raw))
		require.Equal(t, map[string]any{"m": map[string]any{"x": 1}}, meta)
		require.Equal(t, map[string]any{"name": "echo", "arguments": map[string]any{}, "_meta": meta}, params)
		for _, r := range srv.Requests("tools/call") {
			require.Equal(t, "1", r.Header.Get("X-A"))
			require.Empty(t, r.Header.Get("X-B"))
			require.JSONEq(t, `{"x":1}`, r.Meta("m"))
		}
	})
}

// A decorator of the transport may modify the headers of a request; no other request is affected.
func TestDecoratorsMayWriteHeaders(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		link := srv.InMemory(t)
		n := 0
		opts := mcpclient.Options{Header: http.Header{"X-A": {"1"}}, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			n++
			if r.Header.Get("X-Seen") != "" || len(r.Header.Values("X-A")) != 1 {
				return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Err: errors.New("leaked")}
			}
			r.Header.Set("X-Seen", "yes")
			r.Header.Add("X-A", "2")
			return link.Transport.RoundTrip(r)
		})}
		s, err := connectTo(t.Context(), link.URL, &opts)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		for range 3 {
			echoes(t, s)
		}
		require.GreaterOrEqual(t, n, 4)
	})
}
