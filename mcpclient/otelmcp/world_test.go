package otelmcp_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/otelmcp"
	"github.com/hawser-mcp/hawser/transport"
)

// way is a network between the session and its server.
type way struct {
	name string
	open func(t *testing.T, network *memnet.Network) (rt transport.Transport, stop func())
}

var ways = []way{
	{"direct", func(_ *testing.T, network *memnet.Network) (transport.Transport, func()) {
		direct := transport.NewDirect(&transport.DirectOptions{DialContext: network.DialContext, NoProxy: true})
		return direct, func() { _ = direct.Close() }
	}},
	{"agent", func(t *testing.T, network *memnet.Network) (transport.Transport, func()) {
		t.Helper()
		return mcptest.OpenAgent(t, network, false)
	}},
}

const endpoint = "http://127.0.0.1/mcp"

// world is an MCP server, an OTLP receiver and the SDK that exports to it, in memory and fake time.
type world struct {
	*testing.T
	srv       *mcptest.Server
	rt        transport.Transport
	collector *collector
	traces    *sdktrace.TracerProvider
	meters    *sdkmetric.MeterProvider
	config    otelmcp.Config
	bare      bool   // HTTP exchanges have no spans
	query     string // of the endpoint
	panics    bool   // an inner interceptor panics for tool calls
}

// in runs a test in a world.
func in(t *testing.T, era mcptest.Era, over way, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		t.Cleanup(func() { mcptest.CheckClosed(t, network) })
		w := &world{T: t, srv: mcptest.New(era), collector: new(collector)}
		w.srv.SSE, w.srv.Tools = true, []*mcptest.Tool{{Name: "echo"}}
		w.srv.ServeOn(t, network.Listen("127.0.0.1:80"))
		t.Cleanup(mcptest.Serve(t, network.Listen("127.0.0.1:4318"), w.collector))
		rt, stop := over.open(t, network)
		t.Cleanup(stop)
		w.rt = rt
		w.export(network)
		test(w)
	})
}

// export starts the SDK.
func (w *world) export(network *memnet.Network) {
	client := &http.Client{Transport: &http.Transport{DialContext: network.DialContext}}
	w.Cleanup(client.CloseIdleConnections)
	ctx := w.Context()
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL("http://127.0.0.1:4318/v1/traces"), otlptracehttp.WithHTTPClient(client))
	require.NoError(w, err)
	numbers, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL("http://127.0.0.1:4318/v1/metrics"), otlpmetrichttp.WithHTTPClient(client))
	require.NoError(w, err)
	w.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	w.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(numbers)))
	w.Cleanup(func() {
		_ = w.traces.Shutdown(context.Background()) // the test context has ended
		_ = w.meters.Shutdown(context.Background())
	})
	w.config = otelmcp.Config{
		TracerProvider: w.traces, MeterProvider: w.meters,
		Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}
}

// connect connects a session whose options are instrumented. It is closed at the end of the test.
func (w *world) connect(ctx context.Context, opts mcpclient.Options) *mcpclient.Session {
	w.Helper()
	s, err := w.tryConnect(ctx, opts)
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, s.Close()) })
	return s
}

func (w *world) tryConnect(ctx context.Context, opts mcpclient.Options) (*mcpclient.Session, error) {
	w.Helper()
	if !w.bare {
		opts.Transport = w.rt
	}
	require.NoError(w, otelmcp.Instrument(&opts, w.config))
	if w.bare {
		opts.Transport = w.rt
	}
	if w.panics {
		opts.Interceptors = append(opts.Interceptors, panicking)
	}
	return mcpclient.Connect(ctx, endpoint+w.query, &opts)
}

// panicking panics for tool calls.
var panicking = mcpclient.Interceptor{Outgoing: func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
	return func(ctx context.Context, out *mcpclient.Outgoing) error {
		if out.Method() == "tools/call" {
			panic(mark)
		}
		return next(ctx, out)
	}
}}

// turn returns a context with a span of the program, and ends the span at the end of f.
func (w *world) turn(f func(ctx context.Context)) {
	ctx, span := w.traces.Tracer("agent").Start(w.Context(), "agent turn")
	defer span.End()
	f(ctx)
}

// spans returns all spans that have ended.
func (w *world) spans() []*trace.Span {
	w.Helper()
	synctest.Wait()
	require.NoError(w, w.traces.ForceFlush(w.Context()))
	require.NoError(w, w.meters.ForceFlush(w.Context()))
	w.collector.mu.Lock()
	defer w.collector.mu.Unlock()
	require.Empty(w, w.collector.broken)
	checkNames(w.T, w.collector)
	return slices.Clone(w.collector.spans)
}

// forget removes the spans so far.
func (w *world) forget() {
	w.Helper()
	w.spans()
	w.collector.mu.Lock()
	defer w.collector.mu.Unlock()
	w.collector.spans = nil
}

// answer makes the server answer messages with a method in another way, the first times that there is
// an answer for.
func (w *world) answer(method string, answers ...func(rw http.ResponseWriter, m *mcptest.Message)) {
	left := make(chan func(rw http.ResponseWriter, m *mcptest.Message), len(answers))
	for _, a := range answers {
		left <- a
	}
	w.srv.SetIntercept(func(rw http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != method {
			return false
		}
		select {
		case a := <-left:
			a(rw, m)
			return true
		default:
			return false
		}
	})
}

// status answers with an HTTP status and nothing else.
func status(code int) func(rw http.ResponseWriter, m *mcptest.Message) {
	return func(rw http.ResponseWriter, _ *mcptest.Message) { rw.WriteHeader(code) }
}

// rpcError answers with a JSON-RPC error.
func rpcError(code int64, message string) func(rw http.ResponseWriter, m *mcptest.Message) {
	return func(rw http.ResponseWriter, m *mcptest.Message) {
		mcptest.WriteError(rw, http.StatusOK, m.ID, code, message)
	}
}
