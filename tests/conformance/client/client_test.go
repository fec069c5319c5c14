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

// offered lists the tools of the suite's servers, for all scenarios together.
var offered = []string{"add_numbers", "test_reconnection", "valid_tool", "json_schema_2020_12_tool", "json_schema_echo"}

// settings returns the environment of a scenario.
func settings(scenario string) func(string) string {
	env := map[string]string{
		"MCP_CONFORMANCE_SCENARIO": scenario,
		"MCP_CONFORMANCE_CONTEXT":  `{"toolCalls":[{"name":"add_numbers","arguments":{"a":1}}]}`,
	}
	return func(name string) string { return env[name] }
}

// drive starts a server of the given era, applies the changes to the server and runs a scenario
// against it. The test fails if the client violates the protocol.
func drive(t *testing.T, scenario string, era mcptest.Era, changes ...func(srv *mcptest.Server)) (*mcptest.Server, error) {
	t.Helper()
	srv := mcptest.New(era)
	for _, name := range offered {
		srv.Tools = append(srv.Tools, &mcptest.Tool{Name: name})
	}
	srv.Resources = []mcptest.Resource{{URI: "file:///a", Name: "a", Text: "a"}}
	srv.Prompts = []mcptest.Prompt{{Name: "ask", Text: "ask "}}
	for _, change := range changes {
		change(srv)
	}
	link := srv.Loopback(t)
	return srv, run(t.Context(), []string{"--some-option", link.URL}, settings(scenario))
}

// need is a requirement without which a scenario must not succeed.
type need struct {
	method string                    // method of its last call
	era    mcptest.Era               // era of the server in this test
	tools  func(srv *mcptest.Server) // adds tools that exist only in this scenario
	empty  bool                      // the scenario succeeds without any tool
	// declares holds the capabilities that a client with handlers must declare.
	declares string
}

var needs = map[string]need{
	"initialize": {method: "tools/list", era: mcptest.Modern, tools: none, empty: true, declares: `{}`},
	"tools_call": {method: "tools/call", era: mcptest.Modern, tools: none, declares: `{}`},
	"sse-retry":  {method: "tools/call", era: mcptest.Legacy, tools: none, declares: `{}`},
	"request-metadata": {
		method: "tools/list", era: mcptest.Modern, tools: none, empty: true,
		declares: `{"roots":{},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}}}`,
	},
	"http-standard-headers":            {method: "prompts/get", era: mcptest.Modern, tools: none, declares: `{}`},
	"http-custom-headers":              {method: "tools/call", era: mcptest.Modern, tools: none, declares: `{}`},
	"http-invalid-tool-headers":        {method: "tools/call", era: mcptest.Modern, tools: none, declares: `{}`},
	"json-schema-ref-no-deref":         {method: "tools/list", era: mcptest.Modern, tools: none, declares: `{}`},
	"json-schema-2020-12-preservation": {method: "tools/call", era: mcptest.Modern, tools: none, declares: `{}`},
	"elicitation-sep1034-client-defaults": {
		method: "tools/call", era: mcptest.Legacy, tools: withDefaults(formWithDefaults, 1), declares: `{"elicitation":{"form":{}}}`,
	},
	"sep-2322-client-request-state": {
		method: "tools/call", era: mcptest.Modern, tools: withRequestState(nil), declares: `{"elicitation":{"form":{}}}`,
	},
}

func none(*mcptest.Server) {}

// The suite accepts a client that does nothing. The program must therefore fail unless it made the
// calls that a scenario tests and received their answers.
func TestNoScenarioPassesWithoutItsCalls(t *testing.T) {
	require.ElementsMatch(t, slices.Collect(maps.Keys(scenarios)), slices.Collect(maps.Keys(needs)))
	for scenario, need := range needs {
		t.Run(scenario, func(t *testing.T) {
			srv, err := drive(t, scenario, need.era, need.tools)
			require.NoError(t, err)
			require.Positive(t, srv.Count(need.method))
			require.JSONEq(t, need.declares, string(srv.ClientCapabilities()), "a client with handlers behaves differently")

			_, err = drive(t, scenario, need.era, need.tools, func(srv *mcptest.Server) {
				srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
					if m == nil || m.Method != need.method {
						return false
					}
					mcptest.WriteError(w, http.StatusOK, m.ID, mcptest.CodeInternal, "no")
					return true
				}
			})
			require.Error(t, err, "%s failed", need.method)
			require.NotErrorIs(t, err, errUsage)

			if need.method == "tools/call" {
				_, err = drive(t, scenario, need.era, need.tools, func(srv *mcptest.Server) {
					for _, tool := range srv.Tools {
						tool.Run = says(`{"isError":true,"content":[]}`)
					}
				})
				require.Error(t, err, "the tool reported a failure")
			}
			if !need.empty {
				_, err = drive(t, scenario, need.era, func(srv *mcptest.Server) { srv.Tools, srv.Resources, srv.Prompts = nil, nil, nil })
				require.ErrorIs(t, err, errIncomplete, "there was no tool to call")
			}
		})
	}
	_, err := drive(t, "request-metadata", mcptest.Legacy)
	require.ErrorContains(t, err, "the scenario requires the modern era")
	_, err = drive(t, "http-custom-headers", mcptest.Modern, func(srv *mcptest.Server) { srv.Tools = srv.Tools[1:] })
	require.ErrorIs(t, err, errIncomplete, "the context names a call without a tool")
}

// says returns a tool that always returns this result.
func says(result string) mcptest.ToolFunc {
	return func(context.Context, *mcptest.Call) (json.RawMessage, error) { return json.RawMessage(result), nil }
}

// The reconnection scenario would count a GET for the shared stream as a reconnection.
func TestOnlyClientsWithHandlersOpenTheSharedStream(t *testing.T) {
	srv, err := drive(t, "sse-retry", mcptest.Legacy)
	require.NoError(t, err)
	require.Zero(t, srv.Count(http.MethodGet))
}

// The program distinguishes invalid input from failures: main exits with status 2.
func TestInvalidInput(t *testing.T) {
	const url = "http://127.0.0.1:1/mcp" // never dialed
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
		"unknown scenario":  run(t.Context(), []string{url}, settings("auth/no-such-scenario")),
		"executor":          run(t.Context(), []string{url}, with("HAWSER_TRANSPORT", "executor")),
		"unknown transport": run(t.Context(), []string{url}, with("HAWSER_TRANSPORT", "pigeon")),
	} {
		require.ErrorIs(t, err, errUsage, name)
		if name == "executor" {
			require.ErrorContains(t, err, "executor")
		}
	}
	require.False(t, errors.Is(run(t.Context(), []string{url}, settings("initialize")), errUsage), "no server listens: that is a failure")
}
