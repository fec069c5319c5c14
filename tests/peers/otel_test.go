package peers_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/otelmcp"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// The spans of a call that met a busy server and a lost session are the same over every route, as a
// receiver of OTLP gets them.
func TestSpansOverEveryRoute(t *testing.T) {
	peer.RequireInstalled(t)
	for _, w := range allWays {
		t.Run(w.name, func(t *testing.T) {
			srv := mcptest.New(mcptest.Legacy)
			srv.Tools = []*mcptest.Tool{{Name: "echo"}}
			receiver := new(otlpReceiver)
			traces := receiver.start(t)
			opts := mcpclient.Options{Transport: w.open(t)}
			if err := otelmcp.Instrument(&opts, otelmcp.Config{TracerProvider: traces, Propagator: propagation.TraceContext{}}); err != nil {
				t.Fatal(err)
			}
			s, err := mcpclient.Connect(t.Context(), srv.Loopback(t).URL, &opts)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			busyOnce(srv)
			srv.LoseSessions()
			receiver.forget(t, traces)
			if _, err := s.CallTool(t.Context(), "echo", nil); err != nil {
				t.Fatal(err)
			}
			if err := traces.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := `hawser.recovery, link to tools/call echo
  initialize
    POST
  notifications/initialized
    POST
tools/call echo, hawser.retry, hawser.retry, link to hawser.recovery
  POST
  POST
  POST
`
			if got := receiver.tree(); got != want {
				t.Errorf("expected:\n%s\ngot:\n%s", want, got)
			}
			if ran := srv.Executions("echo"); ran != 1 {
				t.Errorf("the tool ran %d times", ran)
			}
		})
	}
}

// busyOnce makes a server refuse the first tool call with 429.
func busyOnce(srv *mcptest.Server) {
	var refused atomic.Bool
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/call" || refused.Swap(true) {
			return false
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
}

// otlpReceiver receives spans over OTLP/HTTP.
type otlpReceiver struct {
	mu    sync.Mutex
	spans []*trace.Span // guarded by mu; in the order of their ends
}

// ServeHTTP implements http.Handler.
func (r *otlpReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// start starts the receiver and an SDK that exports to it.
func (r *otlpReceiver) start(t *testing.T) *sdktrace.TracerProvider {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(server.URL+"/v1/traces"))
	if err != nil {
		t.Fatal(err)
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	t.Cleanup(func() { _ = traces.Shutdown(context.Background()) })
	return traces
}

// forget removes the spans so far.
func (r *otlpReceiver) forget(t *testing.T, traces *sdktrace.TracerProvider) {
	t.Helper()
	if err := traces.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = nil
}

// tree draws the spans as an indented list, each with its events, its links and ERROR if it has that
// status.
func (r *otlpReceiver) tree() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string]string{}
	for _, s := range r.spans {
		names[hex.EncodeToString(s.GetSpanId())] = s.GetName()
	}
	var b strings.Builder
	var draw func(parent string, depth int)
	draw = func(parent string, depth int) {
		for _, s := range r.spans {
			if hex.EncodeToString(s.GetParentSpanId()) != parent {
				continue
			}
			fmt.Fprintf(&b, "%s%s", strings.Repeat("  ", depth), s.GetName())
			if s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
				b.WriteString(", ERROR")
			}
			for _, e := range s.GetEvents() {
				b.WriteString(", " + e.GetName())
			}
			for _, l := range s.GetLinks() {
				b.WriteString(", link to " + names[hex.EncodeToString(l.GetSpanId())])
			}
			b.WriteString("\n")
			draw(hex.EncodeToString(s.GetSpanId()), depth+1)
		}
	}
	draw("", 0)
	return b.String()
}
