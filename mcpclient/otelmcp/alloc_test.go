//go:build !race

package otelmcp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/otelmcp"
)

// The race detector itself allocates, so this test is not built with it.

// memory is a modern server without a network.
type memory struct{}

func (memory) RunsOnce() bool { return true }

func (memory) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	result := `{"resultType":"complete","content":[{"type":"text","text":"tea"}]}`
	if m.Method == "server/discover" {
		result = `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}`
	}
	text := []byte(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + result + `}`)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)),
	}, nil
}

// perCall returns the allocations of a call with these options, after warm-up. The garbage collector
// is off during the measurement, because it empties pools.
func perCall(ctx context.Context, t *testing.T, config *otelmcp.Config, exchanges bool) float64 {
	t.Helper()
	opts := mcpclient.Options{ProtocolVersion: "2026-07-28"}
	if exchanges {
		opts.Transport = memory{}
	}
	if config != nil {
		require.NoError(t, otelmcp.Instrument(&opts, *config))
	}
	if !exchanges {
		opts.Transport = memory{}
	}
	s, err := mcpclient.Connect(ctx, "http://memory.test/mcp", &opts)
	require.NoError(t, err)
	defer s.Close()
	const calls = 2000
	args := json.RawMessage(`{"q":"gophers"}`)
	run := func() {
		for range calls {
			if _, err := s.CallTool(ctx, "search", args); err != nil {
				t.Fatal(err)
			}
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	run()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / calls
}

// A program that sets no providers pays little for the instrumentation, even if the caller's context
// has a span that travels on.
func TestAllocations(t *testing.T) {
	none := otelmcp.Config{
		TracerProvider: noop.NewTracerProvider(), MeterProvider: noopmetric.NewMeterProvider(), Propagator: propagation.TraceContext{},
	}
	traced := otelmcp.Config{
		TracerProvider: sdktrace.NewTracerProvider(), Propagator: propagation.TraceContext{},
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
	}
	remote := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}))
	bare := perCall(t.Context(), t, nil, true)
	for _, row := range []struct {
		name      string
		ctx       context.Context
		config    otelmcp.Config
		exchanges bool
		limit     float64
	}{
		{"no providers", t.Context(), none, false, 15},
		{"no providers, spans of exchanges", t.Context(), none, true, 15},
		{"no providers, within a trace", remote, none, false, 15},
		{"recorded", t.Context(), traced, false, 60},
		{"recorded, spans of exchanges", t.Context(), traced, true, 100},
	} {
		more := perCall(row.ctx, t, &row.config, row.exchanges) - bare
		t.Logf("%s: %.1f allocations more", row.name, more)
		require.LessOrEqual(t, more, row.limit, row.name)
	}
}
