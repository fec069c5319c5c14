package mcpclient_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// Every option of a call is readable, and what was not given is distinct from every value.
func TestApplyOptionsReturnsWhatTheOptionsSay(t *testing.T) {
	none, err := mcpclient.ApplyOptions()
	require.NoError(t, err)
	require.Equal(t, mcpclient.CallSettings{}, none)

	var seen []mcpclient.Progress
	s, err := mcpclient.ApplyOptions(
		nil,
		mcpclient.WithIdleTimeout(time.Minute), mcpclient.WithTotalTimeout(time.Hour), mcpclient.WithTries(2),
		mcpclient.WithHeader("x-tenant", "a"), mcpclient.WithHeader("X-Tenant", "b"),
		mcpclient.WithMeta(map[string]any{"k": 1, "trace": "x"}), mcpclient.WithMeta(map[string]any{"k": []int{2}}),
		mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) { seen = append(seen, p) }),
		mcpclient.WithIdempotent(), mcpclient.WithRawResult(), mcpclient.WithManualInput(), mcpclient.WithoutResolving(),
		mcpclient.WithInput(&mcpclient.InputRequired{
			State: json.RawMessage(`"s"`), Requests: []mcpclient.InputRequest{{Key: "q"}},
		}, map[string]any{"q": &mcp.ListRootsResult{}}),
	)
	require.NoError(t, err)
	require.Equal(t, time.Minute, s.IdleTimeout)
	require.Equal(t, time.Hour, s.TotalTimeout)
	require.Equal(t, 2, s.Tries)
	require.Equal(t, http.Header{"X-Tenant": {"a", "b"}}, s.Header)
	require.Equal(t, map[string]json.RawMessage{"k": json.RawMessage(`[2]`), "trace": json.RawMessage(`"x"`)}, s.Meta)
	require.True(t, s.Idempotent && s.RawResult && s.ManualInput && s.Unresolved)
	require.JSONEq(t, `{"inputResponses": {"q": {"roots": null}}, "requestState": "s"}`, string(s.Input))
	s.Progress(t.Context(), mcpclient.Progress{Progress: 0.5})
	require.Len(t, seen, 1)
}

// A negative timeout removes a bound. That differs from a timeout that was not given.
func TestApplyOptionsTellsNoBoundFromNotGiven(t *testing.T) {
	s, err := mcpclient.ApplyOptions(mcpclient.WithIdleTimeout(-time.Second), mcpclient.WithTotalTimeout(-1))
	require.NoError(t, err)
	require.Negative(t, s.IdleTimeout)
	require.Negative(t, s.TotalTimeout)
	s, err = mcpclient.ApplyOptions(mcpclient.WithIdleTimeout(0), mcpclient.WithTotalTimeout(0))
	require.NoError(t, err)
	require.Zero(t, s)
}

// What a session would refuse is refused with the same kind, and nothing ran.
func TestApplyOptionsRefusesWhatASessionRefuses(t *testing.T) {
	for name, opt := range map[string]mcpclient.CallOption{
		"tries":  mcpclient.WithTries(0),
		"header": mcpclient.WithHeader("Mcp-Session-Id", "x"),
		"meta":   mcpclient.WithMeta(map[string]any{"progressToken": 1}),
		"input":  mcpclient.WithInput(nil, nil),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := mcpclient.ApplyOptions(opt)
			require.Zero(t, s)
			require.Equal(t, mcpclient.KindInvalid, mcpclient.KindOf(err))
			require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
		})
	}
}

// Headers and _meta may hold secrets.
func TestCallSettingsPrintWithoutSecrets(t *testing.T) {
	s, err := mcpclient.ApplyOptions(mcpclient.WithHeader("X-Api-Key", "hush"), mcpclient.WithMeta(map[string]any{"k": "hush"}), mcpclient.WithTries(3))
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, s), "hush")
		require.Contains(t, fmt.Sprintf(verb, s), "3")
	}
	encoded, err := json.Marshal(s)
	require.NoError(t, err)
	require.NotContains(t, string(encoded), "hush")
}
