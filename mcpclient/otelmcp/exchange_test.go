package otelmcp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/otelmcp"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// instrumented returns a transport as the session gets it.
func instrumented(t *testing.T, rt http.RoundTripper) http.RoundTripper {
	t.Helper()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(tracetest.NewInMemoryExporter()))
	opts := mcpclient.Options{Transport: rt}
	require.NoError(t, otelmcp.Instrument(&opts, otelmcp.Config{TracerProvider: traces, Propagator: propagation.TraceContext{}}))
	return opts.Transport
}

// closing adds the Close of the transport below, which the suite calls.
type closing struct {
	http.RoundTripper
	below transport.Transport
}

func (c closing) Close() error { return c.below.Close() }

// The RoundTripper that makes spans of exchanges keeps the contract of transports.
func TestExchangesKeepTheContract(t *testing.T) {
	transporttest.Run(t, transporttest.Config{New: func(t *testing.T) http.RoundTripper {
		direct := transport.NewDirect(&transport.DirectOptions{TLSConfig: transporttest.TLSConfig()})
		t.Cleanup(func() { _ = direct.Close() })
		return closing{instrumented(t, direct), direct}
	}})
}

// holder is a RoundTripper that adds secrets to requests.
type holder struct{ http.RoundTripper }

func (holder) RequestSecrets() []string { return []string{mark} }

// What the session asks a transport for, it gets from the one below.
func TestExchangesPassOnWhatATransportPromises(t *testing.T) {
	direct := transport.NewDirect(nil)
	defer direct.Close()
	foreign := new(http.Transport)
	require.True(t, transport.RunsOnce(instrumented(t, direct)))
	require.False(t, transport.RunsOnce(instrumented(t, foreign)))
	secrets := func(rt http.RoundTripper) []string {
		return instrumented(t, rt).(interface{ RequestSecrets() []string }).RequestSecrets()
	}
	require.Equal(t, []string{mark}, secrets(holder{foreign}))
	require.Empty(t, secrets(foreign))
}

// A token that a decorator below adds is masked in errors, although the session sees the request
// without it.
func TestSecretsBelowAreMasked(t *testing.T) {
	in(t, mcptest.Legacy, ways[0], func(w *world) {
		below := w.rt
		w.rt = closing{adding{below}, below}
		s := w.connect(w.Context(), mcpclient.Options{})
		w.answer("tools/call", rpcError(-32000, "the token "+mark+"-token is bad"))
		_, err := s.CallTool(w.Context(), "echo", nil)
		require.ErrorContains(w, err, "is bad")
		require.NotContains(w, err.Error(), mark)
	})
}

// adding adds a token to a copy of the request, which the response then refers to.
type adding struct{ transport.Transport }

func (a adding) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(req.Context())
	sent.Header.Set("Authorization", "Bearer "+mark+"-token")
	return a.Transport.RoundTrip(sent)
}

// Exchanges that are not recorded are passed on untouched.
func TestExchangesWithoutATracer(t *testing.T) {
	var seen *http.Request
	opts := mcpclient.Options{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		seen = req
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})}
	require.NoError(t, otelmcp.Instrument(&opts, otelmcp.Config{TracerProvider: noop.NewTracerProvider(), Propagator: propagation.TraceContext{}}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://mcp.test/mcp", strings.NewReader("{}"))
	require.NoError(t, err)
	resp, err := opts.Transport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Same(t, req, seen)
}

type roundTripper func(req *http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// An exchange that failed says how far it got. One that this side ended is no failure: the span of
// the message says why.
func TestFailedExchanges(t *testing.T) {
	in(t, mcptest.Legacy, ways[0], func(w *world) {
		equip(w.srv)
		s := w.connect(w.Context(), mcpclient.Options{})
		w.forget()
		w.giveUp(w.Context(), s)
		require.Equal(w, `tools/call hang client ERROR error.type=canceled hawser.outcome=unknown
  POST client http.response.status_code=200
  notifications/cancelled client
    POST client http.response.status_code=202
`, tree(w.spans()))
	})
	in(t, mcptest.Legacy, ways[0], func(w *world) {
		s := w.connect(w.Context(), mcpclient.Options{})
		w.forget()
		w.answer("tools/call", func(http.ResponseWriter, *mcptest.Message) { panic(http.ErrAbortHandler) }, func(rw http.ResponseWriter, _ *mcptest.Message) {
			rw.Header().Set("Content-Length", "100")
			mcptest.WriteRaw(rw, "{")
			panic(http.ErrAbortHandler)
		}, status(http.StatusBadGateway))
		for range 3 {
			_, err := s.CallTool(w.Context(), "echo", nil)
			require.Error(w, err)
		}
		require.Equal(w, `tools/call echo client ERROR error.type=outcome_unknown hawser.outcome=unknown
  POST client ERROR error.type=maybe_sent
tools/call echo client ERROR error.type=outcome_unknown hawser.outcome=unknown
  POST client ERROR http.response.status_code=200 error.type=maybe_sent
tools/call echo client ERROR error.type=502 hawser.outcome=unknown
  POST client ERROR http.response.status_code=502 error.type=502
`, tree(w.spans()))
	})
}
