package otelmcp_test

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is an OTLP/HTTP receiver. It decodes what the exporters of the SDK send.
type collector struct {
	mu       sync.Mutex
	spans    []*trace.Span     // guarded by mu
	metrics  []*metrics.Metric // guarded by mu; of the last export, which is cumulative
	received bytes.Buffer      // guarded by mu; all bodies
	broken   []string          // guarded by mu; requests that could not be read
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = c.receive(r.URL.Path, body)
	}
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.broken = append(c.broken, fmt.Sprintf("%s: %v", r.URL.Path, err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty response: everything was accepted
}

func (c *collector) receive(path string, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received.Write(body)
	if path == "/v1/metrics" {
		var request collectormetrics.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &request); err != nil {
			return err
		}
		c.metrics = nil
		for _, resource := range request.GetResourceMetrics() {
			for _, scope := range resource.GetScopeMetrics() {
				c.metrics = append(c.metrics, scope.GetMetrics()...)
			}
		}
		return nil
	}
	var request collectortrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return err
	}
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	return nil
}

// spanID returns the span ID as in a traceparent.
func spanID(s *trace.Span) string { return hex.EncodeToString(s.GetSpanId()) }

// attribute returns an attribute in words, "" if it is absent.
func attribute(attrs []*common.KeyValue, key string) string {
	for _, a := range attrs {
		if a.GetKey() == key {
			return words(a.GetValue())
		}
	}
	return ""
}

// all returns all attributes of a span in words.
func all(s *trace.Span) map[string]string {
	found := map[string]string{}
	for _, a := range s.GetAttributes() {
		found[a.GetKey()] = words(a.GetValue())
	}
	return found
}

// metricAttributes returns the attributes of the only point of a metric with a method.
func (w *world) metricAttributes(metric, method string) map[string]string {
	w.Helper()
	w.spans()
	found := map[string]string{}
	for _, m := range w.collector.metrics {
		for _, p := range m.GetHistogram().GetDataPoints() {
			if m.GetName() != metric || attribute(p.GetAttributes(), "mcp.method.name") != method {
				continue
			}
			require.Empty(w, found, "more than one point")
			for _, a := range p.GetAttributes() {
				found[a.GetKey()] = words(a.GetValue())
			}
		}
	}
	return found
}

func words(v *common.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *common.AnyValue_DoubleValue:
		return fmt.Sprint(v.DoubleValue)
	case *common.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	}
	return v.String()
}

// tree draws spans as an indented list: the kind, the status if it is Error, and attributes, events
// and links that matter. Spans with the same parent are in the order of their start, then of their end.
func tree(spans []*trace.Span) string {
	names, children := map[string]string{}, map[string][]*trace.Span{}
	for _, s := range spans {
		names[spanID(s)] = s.GetName()
	}
	for _, s := range spans {
		parent := hex.EncodeToString(s.GetParentSpanId())
		if names[parent] == "" {
			parent = "" // of a span that is not here
		}
		children[parent] = append(children[parent], s)
	}
	var b strings.Builder
	var draw func(parent string, depth int)
	draw = func(parent string, depth int) {
		slices.SortStableFunc(children[parent], func(a, b *trace.Span) int {
			return cmp.Compare(a.GetStartTimeUnixNano(), b.GetStartTimeUnixNano())
		})
		for _, s := range children[parent] {
			fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", depth), line(s, names))
			draw(spanID(s), depth+1)
		}
	}
	draw("", 0)
	return b.String()
}

func line(s *trace.Span, names map[string]string) string {
	b := []string{s.GetName(), strings.ToLower(strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_"))}
	if s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
		b = append(b, "ERROR")
	}
	for _, key := range []string{"http.response.status_code", "error.type", "rpc.response.status_code", "hawser.outcome", "hawser.recovery.replaced"} {
		if value := attribute(s.GetAttributes(), key); value != "" {
			b = append(b, key+"="+value)
		}
	}
	for _, e := range s.GetEvents() {
		b = append(b, fmt.Sprintf("%s(%s, %s)", e.GetName(), attribute(e.GetAttributes(), "hawser.retry.reason"), attribute(e.GetAttributes(), "error.type")))
	}
	for _, l := range s.GetLinks() {
		b = append(b, "link to "+names[hex.EncodeToString(l.GetSpanId())])
	}
	return strings.Join(b, " ")
}
