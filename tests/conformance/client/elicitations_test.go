package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

const (
	toolDefaults = "test_client_elicitation_defaults"

	// formWithDefaults is the suite's form.
	formWithDefaults = `{"message":"Please review","requestedSchema":{"type":"object","properties":{
		"name":{"type":"string","default":"John Doe"},"age":{"type":"integer","default":30},"score":{"type":"number","default":95.5},
		"status":{"type":"string","enum":["active","inactive","pending"],"default":"active"},
		"verified":{"type":"boolean","default":true}},"required":[]}}`
	// formOfConfirmation has no default value.
	formOfConfirmation = `{"message":"Please confirm","requestedSchema":{"type":"object","properties":{"confirmed":{"type":"boolean"}}}}`
)

// withDefaults adds a tool that elicits the form the given number of times.
func withDefaults(form string, times int) func(srv *mcptest.Server) {
	return func(srv *mcptest.Server) {
		srv.SSE = true // otherwise a legacy server cannot send requests
		srv.Tools = append(srv.Tools, &mcptest.Tool{Name: toolDefaults, Run: func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
			for i := range times {
				_, pending, err := c.RequestInput(ctx, string(rune('a'+i)), "elicitation/create", json.RawMessage(form))
				if err != nil || pending != nil {
					return pending, err
				}
			}
			return mcptest.Text("done"), nil
		}})
	}
}

func TestDefaultsAreAcceptedOnce(t *testing.T) {
	const scenario = "elicitation-sep1034-client-defaults"
	srv, err := drive(t, scenario, mcptest.Legacy, withDefaults(formWithDefaults, 1))
	require.NoError(t, err)
	answers := srv.Requests("response")
	require.Len(t, answers, 1)
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	require.NoError(t, json.Unmarshal(answers[0].Body, &answer))
	require.JSONEq(t, `{"action":"accept","content":{"name":"John Doe","age":30,"score":95.5,"status":"active","verified":true}}`, string(answer.Result))

	for what, change := range map[string]func(srv *mcptest.Server){
		"no form elicited":              withDefaults(formWithDefaults, 0),
		"form elicited twice":           withDefaults(formWithDefaults, 2),
		"the form has no default value": withDefaults(formOfConfirmation, 1),
	} {
		_, err := drive(t, scenario, mcptest.Legacy, change)
		require.ErrorIs(t, err, errIncomplete, what)
	}
	_, err = drive(t, scenario, mcptest.Modern, withDefaults(formWithDefaults, 1))
	require.ErrorContains(t, err, "the scenario requires the legacy era")
}

// failed is the tool result that reports a protocol violation by the client.
const failed = `{"isError":true,"content":[{"type":"text","text":"not as it must be"}]}`

// asking returns a tool that requires a form the given number of times, each time with this request
// state ("" for none), and then succeeds. The tool fails if the input is missing or the state has
// changed.
func asking(times int64, state string) mcptest.ToolFunc {
	var executed atomic.Int64
	return func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
		n := executed.Add(1)
		if n > 1 && (string(c.Inputs["confirm"]) != `{"action":"accept","content":{"confirmed":true}}` || string(c.State) != state) {
			return json.RawMessage(failed), nil
		}
		if n > times {
			return mcptest.Text("done"), nil
		}
		return confirm(state), nil
	}
}

// always is a tool that requires input every time.
func always(context.Context, *mcptest.Call) (json.RawMessage, error) { return confirm(""), nil }

// confirm returns a result that requires a form and carries this request state ("" for none).
func confirm(state string) json.RawMessage {
	form := mcptest.InputRequest{Method: "elicitation/create", Params: json.RawMessage(formOfConfirmation)}
	var sent json.RawMessage
	if state != "" {
		sent = json.RawMessage(state)
	}
	return mcptest.InputRequired(map[string]mcptest.InputRequest{"confirm": form}, sent)
}

// plain is a tool that requires no input. It fails if the client sends it the input of another
// tool.
func plain(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
	if c.Inputs != nil || c.State != nil {
		return json.RawMessage(failed), nil
	}
	return mcptest.Text("done"), nil
}

// withRequestState adds the tools of the scenario. The tools in otherwise replace those with the
// same name.
func withRequestState(otherwise map[string]mcptest.ToolFunc) func(srv *mcptest.Server) {
	return func(srv *mcptest.Server) {
		tools := map[string]mcptest.ToolFunc{
			toolEchoState: asking(1, `"\u007b\/ not to be touched"`), toolNoState: asking(1, ""),
			toolUnrelated: plain, toolNoResultType: plain,
		}
		maps.Copy(tools, otherwise)
		for name, run := range tools {
			srv.Tools = append(srv.Tools, &mcptest.Tool{Name: name, Run: run})
		}
	}
}

func TestRequestStateToolsMustRequireInput(t *testing.T) {
	const scenario = "sep-2322-client-request-state"
	srv, err := drive(t, scenario, mcptest.Modern, withRequestState(nil))
	require.NoError(t, err)
	var called []string
	for _, r := range srv.Requests("tools/call") {
		called = append(called, r.Header.Get("Mcp-Name"))
	}
	require.Equal(t, []string{
		toolEchoState, toolUnrelated, toolEchoState, toolNoState, toolUnrelated, toolNoState, toolNoResultType,
	}, called, "another call is made while one waits")

	for what, otherwise := range map[string]map[string]mcptest.ToolFunc{
		"no tool requires input":                    {toolEchoState: plain, toolNoState: plain},
		"only one tool requires input":              {toolNoState: plain},
		"only one tool requires input, but twice":   {toolEchoState: asking(2, `"s"`), toolNoState: plain},
		"the last tool requires input as well":      {toolNoResultType: asking(1, "")},
		"the unrelated tool requires input as well": {toolUnrelated: always},
	} {
		_, err := drive(t, scenario, mcptest.Modern, withRequestState(otherwise))
		require.ErrorIs(t, err, errIncomplete, what)
	}
	for _, name := range []string{toolEchoState, toolNoState, toolUnrelated, toolNoResultType} {
		_, err := drive(t, scenario, mcptest.Modern, withRequestState(nil), func(srv *mcptest.Server) {
			srv.Tools = slices.DeleteFunc(srv.Tools, func(tool *mcptest.Tool) bool { return tool.Name == name })
		})
		require.ErrorIs(t, err, errIncomplete, "tool %s is missing", name)
		_, err = drive(t, scenario, mcptest.Modern, withRequestState(map[string]mcptest.ToolFunc{name: says(failed)}))
		require.Error(t, err, "%s failed", name)
	}
	_, err = drive(t, scenario, mcptest.Legacy, withRequestState(nil))
	require.ErrorContains(t, err, "the scenario requires the modern era")
}
