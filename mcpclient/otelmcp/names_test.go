package otelmcp_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	common "go.opentelemetry.io/proto/otlp/common/v1"
)

// named returns the names in a list: the first word of each line that begins with a kind of name.
func named(t *testing.T, file string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	names := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] != "#" {
			names[fields[0]+" "+fields[1]] = true
		}
	}
	return names
}

// checkNames requires that each name of a span, event, attribute and metric is in the list of the
// conventions, or in that of this package, whose names begin with "hawser.". The collector is locked.
func checkNames(t *testing.T, c *collector) {
	t.Helper()
	known := named(t, "conventions.txt")
	for name := range named(t, "hawser.txt") {
		_, bare, _ := strings.Cut(name, " ")
		require.True(t, strings.HasPrefix(bare, "hawser."), name)
		known[name] = true
	}
	check := func(kind, name string) {
		t.Helper()
		require.True(t, known[kind+" "+name], "%s %q is in no list", kind, name)
	}
	attributes := func(kind string, attrs []*common.KeyValue) {
		t.Helper()
		for _, a := range attrs {
			check(kind, a.GetKey())
		}
	}
	for _, s := range c.spans {
		name := s.GetName()
		if name == "agent turn" { // of the program
			continue
		}
		for _, key := range []string{"gen_ai.tool.name", "gen_ai.prompt.name"} {
			if target := attribute(s.GetAttributes(), key); target != "" {
				name = strings.TrimSuffix(name, " "+target) + " {" + key + "}"
			}
		}
		check("span", strings.ReplaceAll(name, " ", ""))
		attributes("attribute", s.GetAttributes())
		for _, e := range s.GetEvents() {
			check("event", e.GetName())
			attributes("attribute", e.GetAttributes())
		}
	}
	for _, m := range c.metrics {
		check("metric", m.GetName())
		require.Equal(t, "s", m.GetUnit())
		for _, p := range m.GetHistogram().GetDataPoints() {
			attributes("attribute-of-"+m.GetName(), p.GetAttributes())
		}
	}
}
