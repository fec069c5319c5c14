package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// scenario does what one scenario of the suite asks of a client, on a session
// that is connected.
type scenario func(ctx context.Context, s *mcpclient.Session, input []byte) error

var scenarios = map[string]scenario{
	"initialize":                       initialize,
	"tools_call":                       toolsCall,
	"sse-retry":                        callOne("test_reconnection"),
	"request-metadata":                 requestMetadata,
	"http-standard-headers":            standardHeaders,
	"http-custom-headers":              customHeaders,
	"http-invalid-tool-headers":        invalidToolHeaders,
	"json-schema-ref-no-deref":         listOnly,
	"json-schema-2020-12-preservation": schemaPreservation,
}

// errIncomplete says that the server did not offer what the scenario needs, so
// that the run would prove nothing.
var errIncomplete = errors.New("the server does not offer what the scenario needs")

func listTools(ctx context.Context, s *mcpclient.Session) (map[string]mcpclient.Tool, error) {
	tools := make(map[string]mcpclient.Tool)
	for tool, err := range s.Tools(ctx) {
		if err != nil {
			return nil, err
		}
		tools[tool.Name] = tool
	}
	return tools, nil
}

// call runs a tool that must be there and must succeed.
func call(ctx context.Context, s *mcpclient.Session, tools map[string]mcpclient.Tool, name string, args any) error {
	if _, ok := tools[name]; !ok {
		return fmt.Errorf("%w: no tool %q", errIncomplete, name)
	}
	result, err := s.CallTool(ctx, name, args)
	if err != nil {
		return err
	}
	if result.IsError {
		return fmt.Errorf("tool %q failed: %v", name, result.Content)
	}
	return nil
}

// initialize is about the handshake; the server has no tools, and a list shows that the session works.
func initialize(ctx context.Context, s *mcpclient.Session, _ []byte) error {
	_, err := listTools(ctx, s)
	return err
}

func toolsCall(ctx context.Context, s *mcpclient.Session, _ []byte) error {
	tools, err := listTools(ctx, s)
	if err != nil {
		return err
	}
	return call(ctx, s, tools, "add_numbers", map[string]any{"a": 5, "b": 3})
}

func callOne(name string) scenario {
	return func(ctx context.Context, s *mcpclient.Session, _ []byte) error {
		tools, err := listTools(ctx, s)
		if err != nil {
			return err
		}
		return call(ctx, s, tools, name, nil)
	}
}

func listOnly(ctx context.Context, s *mcpclient.Session, _ []byte) error {
	tools, err := listTools(ctx, s)
	if err == nil && len(tools) == 0 {
		return fmt.Errorf("%w: no tools", errIncomplete)
	}
	return err
}

// requestMetadata only needs modern requests; what they carry is what is checked.
func requestMetadata(ctx context.Context, s *mcpclient.Session, _ []byte) error {
	if s.Era() != mcpclient.EraModern {
		return fmt.Errorf("negotiated the %v era", s.Era())
	}
	_, err := listTools(ctx, s)
	return err
}

// standardHeaders uses every method whose headers mirror the body.
func standardHeaders(ctx context.Context, s *mcpclient.Session, _ []byte) error {
	tools, err := listTools(ctx, s)
	if err != nil {
		return err
	}
	calls := 0
	for name := range tools {
		if err := call(ctx, s, tools, name, nil); err != nil {
			return err
		}
		calls++
	}
	reads := 0
	for resource, err := range s.Resources(ctx) {
		if err != nil {
			return err
		}
		if _, err := s.ReadResource(ctx, resource.URI); err != nil {
			return err
		}
		reads++
	}
	prompts := 0
	for prompt, err := range s.Prompts(ctx) {
		if err != nil {
			return err
		}
		if _, err := s.GetPrompt(ctx, prompt.Name, nil); err != nil {
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
func customHeaders(ctx context.Context, s *mcpclient.Session, input []byte) error {
	var wanted struct {
		ToolCalls []struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"toolCalls"`
	}
	if err := json.Unmarshal(input, &wanted); err != nil || len(wanted.ToolCalls) == 0 {
		return errors.Join(fmt.Errorf("%w: no toolCalls in the context", errIncomplete), err)
	}
	tools, err := listTools(ctx, s)
	if err != nil {
		return err
	}
	for _, w := range wanted.ToolCalls {
		if err := call(ctx, s, tools, w.Name, w.Arguments); err != nil {
			return err
		}
	}
	return nil
}

// invalidToolHeaders calls every tool that survived the list; the one valid tool must be among them.
func invalidToolHeaders(ctx context.Context, s *mcpclient.Session, _ []byte) error {
	tools, err := listTools(ctx, s)
	if err != nil {
		return err
	}
	if _, ok := tools["valid_tool"]; !ok {
		return fmt.Errorf("%w: valid_tool was left out", errIncomplete)
	}
	for name, tool := range tools {
		if err := call(ctx, s, tools, name, sampleArguments(tool)); err != nil {
			return err
		}
	}
	return nil
}

// sampleArguments fills the top-level string, integer and boolean properties of a tool's schema.
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

// schemaPreservation sends back the schema of a tool, byte for byte.
func schemaPreservation(ctx context.Context, s *mcpclient.Session, _ []byte) error {
	tools, err := listTools(ctx, s)
	if err != nil {
		return err
	}
	probe, ok := tools["json_schema_2020_12_tool"]
	if !ok {
		return fmt.Errorf("%w: no json_schema_2020_12_tool", errIncomplete)
	}
	return call(ctx, s, tools, "json_schema_echo", map[string]any{"schema": probe.RawInputSchema})
}
