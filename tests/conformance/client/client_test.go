package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// offered is what the suite's servers have, for all scenarios at once.
var offered = []string{"add_numbers", "test_reconnection", "valid_tool", "json_schema_2020_12_tool", "json_schema_echo"}

// settings are the environment of a scenario.
func settings(scenario string) func(string) string {
	env := map[string]string{
		"MCP_CONFORMANCE_SCENARIO": scenario,
		"MCP_CONFORMANCE_CONTEXT":  `{"toolCalls":[{"name":"add_numbers","arguments":{"a":1}}]}`,
	}
	return func(name string) string { return env[name] }
}

// drive runs a scenario against a server of an era, which change may spoil,
// and returns how often each method was called.
func drive(t *testing.T, scenario string, era mcptest.Era, change func(srv *mcptest.Server)) (calls func(string) int, err error) {
	t.Helper()
	srv := mcptest.New(era)
	for _, name := range offered {
		srv.Tools = append(srv.Tools, &mcptest.Tool{Name: name})
	}
	srv.Resources = []mcptest.Resource{{URI: "file:///a", Name: "a", Text: "a"}}
	srv.Prompts = []mcptest.Prompt{{Name: "ask", Text: "ask "}}
	if change != nil {
		change(srv)
	}
	link := srv.Loopback(t)
	return srv.Count, run(t.Context(), []string{"--some-option", link.URL}, settings(scenario))
}

// needs is the last call that a scenario makes, and must not succeed without.
var needs = map[string]string{
	"initialize":                       "tools/list",
	"tools_call":                       "tools/call",
	"sse-retry":                        "tools/call",
	"request-metadata":                 "tools/list",
	"http-standard-headers":            "prompts/get",
	"http-custom-headers":              "tools/call",
	"http-invalid-tool-headers":        "tools/call",
	"json-schema-ref-no-deref":         "tools/list",
	"json-schema-2020-12-preservation": "tools/call",
}

// The suite forgives a client that does nothing. So the program must fail
// unless the calls that a scenario is about were made and answered.
func TestNoScenarioPassesWithoutItsCalls(t *testing.T) {
	require.ElementsMatch(t, slices.Collect(maps.Keys(scenarios)), slices.Collect(maps.Keys(needs)))
	for scenario, method := range needs {
		t.Run(scenario, func(t *testing.T) {
			calls, err := drive(t, scenario, mcptest.Modern, nil)
			require.NoError(t, err)
			require.Positive(t, calls(method))

			_, err = drive(t, scenario, mcptest.Modern, func(srv *mcptest.Server) {
				srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m == nil || m.Method != method {
						return false
					}
					mcptest.WriteError(w, http.StatusOK, m.ID, mcptest.CodeInternal, "no")
					return true
				}
			})
			require.Error(t, err, "%s failed", method)
			require.NotErrorIs(t, err, errUsage)

			if method == "tools/call" {
				_, err = drive(t, scenario, mcptest.Modern, func(srv *mcptest.Server) {
					for _, tool := range srv.Tools {
						tool.Run = func(context.Context, *mcptest.Call) (json.RawMessage, error) {
							return json.RawMessage(`{"isError":true,"content":[]}`), nil
						}
					}
				})
				require.Error(t, err, "the tool said that it failed")
			}
			if scenario != "initialize" && scenario != "request-metadata" {
				_, err = drive(t, scenario, mcptest.Modern, func(srv *mcptest.Server) { srv.Tools, srv.Resources, srv.Prompts = nil, nil, nil })
				require.ErrorIs(t, err, errIncomplete, "there was nothing to call")
			}
		})
	}
	_, err := drive(t, "request-metadata", mcptest.Legacy, nil)
	require.Error(t, err, "another era than the scenario is about")
	_, err = drive(t, "http-custom-headers", mcptest.Modern, func(srv *mcptest.Server) { srv.Tools = srv.Tools[1:] })
	require.ErrorIs(t, err, errIncomplete, "a call of the context has no tool")
}

// What was not asked properly is told apart from what failed: main exits with 2.
func TestQuestionsThatCannotBeAnswered(t *testing.T) {
	const url = "http://127.0.0.1:1/mcp" // never asked
	with := func(name, value string) func(string) string {
		env := settings("initialize")
		return func(n string) string {
			if n == name {
				return value
			}
			return env(n)
		}
	}
	for name, err := range map[string]error{
		"no URL":            run(t.Context(), nil, settings("initialize")),
		"no scenario":       run(t.Context(), []string{url}, settings("")),
		"unknown scenario":  run(t.Context(), []string{url}, settings("auth/metadata-default")),
		"executor":          run(t.Context(), []string{url}, with("HAWSER_TRANSPORT", "executor")),
		"unknown transport": run(t.Context(), []string{url}, with("HAWSER_TRANSPORT", "pigeon")),
	} {
		require.ErrorIs(t, err, errUsage, name)
		if name == "executor" {
			require.ErrorContains(t, err, "executor")
		}
	}
	require.False(t, errors.Is(run(t.Context(), []string{url}, settings("initialize")), errUsage), "nobody listens: that is a failure")
}
