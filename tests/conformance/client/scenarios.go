package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// scenario describes how the client runs a scenario of the suite.
type scenario struct {
	// run makes the calls.
	run func(ctx context.Context, t *trial) error
	// handlers creates the handlers for server requests. It is nil for most scenarios, because a
	// client with handlers declares more capabilities and opens the shared stream of a legacy
	// session.
	handlers func(t *trial) mcpclient.Handlers
	// auth creates the authorization configuration. It is nil if the scenario uses no
	// authorization.
	auth func(c *authContext) (*oauth.Config, error)
	// refused, if not nil, means that the client must fail. It reports whether the client failed
	// for the right reason.
	refused func(error) bool
	// era is the only era that the scenario tests. The zero value allows any era.
	era mcpclient.Era
	// negotiated means that the client negotiates the revision instead of pinning one.
	negotiated bool
}

var scenarios = map[string]scenario{
	"initialize":                          {run: justList},
	"tools_call":                          {run: toolsCall},
	"sse-retry":                           {run: callOne("test_reconnection"), negotiated: true},
	"request-metadata":                    {run: justList, handlers: everyHandler, era: mcpclient.EraModern, negotiated: true},
	"http-standard-headers":               {run: standardHeaders},
	"http-custom-headers":                 {run: customHeaders},
	"http-invalid-tool-headers":           {run: invalidToolHeaders},
	"json-schema-ref-no-deref":            {run: listSome},
	"json-schema-2020-12-preservation":    {run: schemaPreservation},
	"elicitation-sep1034-client-defaults": {run: clientDefaults, handlers: defaultsHandler, era: mcpclient.EraLegacy},
	"sep-2322-client-request-state":       {run: requestState, handlers: requestStateHandler, era: mcpclient.EraModern},
}

// try runs a scenario on a connected session.
func (sc *scenario) try(ctx context.Context, t *trial) error {
	if era := t.session.Era(); sc.era != mcpclient.EraUnknown && era != sc.era {
		return fmt.Errorf("negotiated the %v era, the scenario requires the %v era", era, sc.era)
	}
	return sc.run(ctx, t)
}

// justList is for scenarios that test the handshake or the headers of every request. The server has
// no tools, but listing them shows that the session works.
func justList(ctx context.Context, t *trial) error { return t.list(ctx) }

func toolsCall(ctx context.Context, t *trial) error {
	if err := t.list(ctx); err != nil {
		return err
	}
	return t.call(ctx, "add_numbers", map[string]any{"a": 5, "b": 3})
}

func callOne(name string) func(ctx context.Context, t *trial) error {
	return func(ctx context.Context, t *trial) error {
		if err := t.list(ctx); err != nil {
			return err
		}
		return t.call(ctx, name, nil)
	}
}

// listSome is for scenarios that test the tool list. The list must not be empty.
func listSome(ctx context.Context, t *trial) error {
	if err := t.list(ctx); err != nil {
		return err
	}
	if len(t.tools) == 0 {
		return fmt.Errorf("%w: no tools", errIncomplete)
	}
	return nil
}

// standardHeaders calls every method whose headers mirror parts of the body.
func standardHeaders(ctx context.Context, t *trial) error {
	if err := t.list(ctx); err != nil {
		return err
	}
	calls := 0
	for name := range t.tools {
		if err := t.call(ctx, name, nil); err != nil {
			return err
		}
		calls++
	}
	reads := 0
	for resource, err := range t.session.Resources(ctx) {
		if err != nil {
			return err
		}
		if _, err := t.session.ReadResource(ctx, resource.URI); err != nil {
			return err
		}
		reads++
	}
	prompts := 0
	for prompt, err := range t.session.Prompts(ctx) {
		if err != nil {
			return err
		}
		if _, err := t.session.GetPrompt(ctx, prompt.Name, nil); err != nil {
			return err
		}
		prompts++
	}
	if calls == 0 || reads == 0 || prompts == 0 {
		return fmt.Errorf("%w: %d tools, %d resources, %d prompts", errIncomplete, calls, reads, prompts)
	}
	return nil
}

// customHeaders makes the calls that the suite lists in its context.
func customHeaders(ctx context.Context, t *trial) error {
	var wanted struct {
		ToolCalls []struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"toolCalls"`
	}
	if err := json.Unmarshal(t.input, &wanted); err != nil || len(wanted.ToolCalls) == 0 {
		return errors.Join(fmt.Errorf("%w: no toolCalls in the context", errIncomplete), err)
	}
	if err := t.list(ctx); err != nil {
		return err
	}
	for _, w := range wanted.ToolCalls {
		if err := t.call(ctx, w.Name, w.Arguments); err != nil {
			return err
		}
	}
	return nil
}

// invalidToolHeaders calls every tool that the client did not reject. The only valid tool must be
// one of them.
func invalidToolHeaders(ctx context.Context, t *trial) error {
	if err := t.list(ctx); err != nil {
		return err
	}
	if _, ok := t.tools["valid_tool"]; !ok {
		return fmt.Errorf("%w: valid_tool is missing", errIncomplete)
	}
	for name, tool := range t.tools {
		if err := t.call(ctx, name, sampleArguments(tool)); err != nil {
			return err
		}
	}
	return nil
}

// sampleArguments returns values for the top-level string, integer and boolean properties of a
// tool's schema.
func sampleArguments(tool mcpclient.Tool) map[string]any {
	var schema struct {
		Properties map[string]struct {
			Type any `json:"type"`
		} `json:"properties"`
	}
	args := make(map[string]any)
	if json.Unmarshal(tool.RawInputSchema, &schema) != nil {
		return args
	}
	for name, property := range schema.Properties {
		switch property.Type {
		case "string":
			args[name] = "sample"
		case "integer", "number":
			args[name] = 1
		case "boolean":
			args[name] = true
		}
	}
	return args
}

// schemaPreservation sends the schema of a tool back byte for byte.
func schemaPreservation(ctx context.Context, t *trial) error {
	if err := t.list(ctx); err != nil {
		return err
	}
	probe, ok := t.tools["json_schema_2020_12_tool"]
	if !ok {
		return fmt.Errorf("%w: no json_schema_2020_12_tool", errIncomplete)
	}
	return t.call(ctx, "json_schema_echo", map[string]any{"schema": probe.RawInputSchema})
}
