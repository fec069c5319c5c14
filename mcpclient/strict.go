package mcpclient

import (
	"context"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/schema"
	"github.com/hawser-mcp/hawser/internal/verdict"
)

// checkDeclared returns an error if the session is strict and the server did not declare what a
// request needs (2026-07-28, "Capabilities"; 2025-11-25, "Operation").
func (s *Session) checkDeclared(state *sessionState, method string) error {
	if !s.opts.Strict {
		return nil
	}
	if missing := s.undeclared(state, method); missing != "" {
		return &verdict.InvalidError{Err: fmt.Errorf("the server did not declare %s, and Options.Strict is set", missing)}
	}
	return nil
}

// undeclared returns what a request needs and the server did not declare, "" if there is nothing.
func (s *Session) undeclared(state *sessionState, method string) string {
	caps := &state.capabilities
	var (
		name  string
		there bool
	)
	switch method {
	case methodListTools, methodCallTool:
		name, there = "tools", caps.Tools != nil
	case methodListPrompts, methodGetPrompt:
		name, there = "prompts", caps.Prompts != nil
	case methodListResources, methodListTemplates, methodReadResource:
		name, there = "resources", caps.Resources != nil
	case methodSubscribe, methodUnsubscribe:
		name, there = "resources.subscribe", caps.Resources != nil && caps.Resources.Subscribe
	case methodComplete:
		name, there = "completions", caps.Completions != nil || state.version < mcp.ProtocolVersion20250326
	case methodSetLevel:
		name, there = "logging", caps.Logging != nil
	default:
		return s.undeclaredExtension(state, method)
	}
	if there {
		return ""
	}
	return "the capability " + name
}

// undeclaredExtension returns the extension that a method belongs to, if the session does not use
// that extension.
func (s *Session) undeclaredExtension(state *sessionState, method string) string {
	for i := range s.opts.Extensions {
		e := &s.opts.Extensions[i]
		if _, is := e.Names[method]; is && !s.uses(e, state) {
			return "the extension " + e.ID
		}
	}
	return ""
}

// offered returns the part of the filter that the server declared.
func (f Filter) offered(caps *mcp.ServerCapabilities) Filter {
	f.ToolsChanged = f.ToolsChanged && caps.Tools != nil && caps.Tools.ListChanged
	f.PromptsChanged = f.PromptsChanged && caps.Prompts != nil && caps.Prompts.ListChanged
	f.ResourcesChanged = f.ResourcesChanged && caps.Resources != nil && caps.Resources.ListChanged
	if caps.Resources == nil || !caps.Resources.Subscribe {
		f.Resources = nil
	}
	return f
}

// filterFor returns the part of a filter that the session may request from a modern server.
func (s *Session) filterFor(state *sessionState, f Filter) Filter {
	if s.opts.Strict {
		return f.offered(&state.capabilities)
	}
	return f
}

// outputToCheck returns the schema against which CallTool validates the output of a tool, nil for
// none.
func (s *Session) outputToCheck(ctx context.Context, tool string) (*schema.Schema, error) {
	if !s.opts.CheckOutput {
		return nil, nil
	}
	output, err := s.outputSchema(ctx, tool)
	if err != nil {
		return nil, toolNotRun(err)
	}
	return output, nil
}

// checkOutput returns the error for a result that does not match the output schema. A failure of the
// tool, required input and the result of an extension have no output to validate.
func (c *call) checkOutput(res *CallToolResult, output *schema.Schema) error {
	if output == nil || res.IsError || res.Input != nil || c.claimed() != nil {
		return nil
	}
	e := checkResult(c.msg.name, res, output)
	if e == nil {
		return nil
	}
	e.harmless = c.repeatable
	return e
}
