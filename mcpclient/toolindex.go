package mcpclient

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/hawser-mcp/hawser/internal/mirror"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/schema"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/transport"
)

// listedTool is what the session remembers of a listed tool, for later calls.
type listedTool struct {
	mirrored  []mirror.Param // arguments that are mirrored into headers (2026-07-28)
	hintsSafe bool           // the tool is annotated as read-only or idempotent
	task      bool           // the tool runs only as a task (2025-11-25)
}

// toolIndex holds what the session remembers of the newest tool definitions.
type toolIndex struct {
	mu    sync.RWMutex
	tools map[string]listedTool // guarded by mu
	// definitions are those of all listed tools, if there is an observer of their changes.
	definitions map[string]definition // guarded by mu

	schemas toolSchemas
}

// maxReserved bounds the tools that memory is reserved for before they are remembered.
const maxReserved = 32

// lookup returns what is remembered of a tool, the zero value if nothing is.
func (x *toolIndex) lookup(name string) listedTool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tools[name]
}

// learnTools remembers the tools of a page. It moves tools that must not be used from Items to
// Invalid.
func learnTools(ctx context.Context, s *Session, page *Page[Tool], from learning) {
	x, tools := &s.tools, page.Items
	x.schemas.reserve(min(len(tools), maxReserved, s.opts.Limits.Items))
	kept := 0
	for i := range tools {
		t := &tools[i]
		harmless := isTrue(t.Annotations.ReadOnlyHint) || isTrue(t.Annotations.IdempotentHint)
		info := listedTool{hintsSafe: from.server && harmless}
		if from.modern {
			params, err := mirror.Params(t.RawInputSchema)
			if err != nil {
				s.log.Warn("tool left out: invalid x-mcp-header", "tool", t.Name, "error", err)
				x.store(s, t.Name, listedTool{}, 0)
				x.schemas.forget(t.Name)
				page.Invalid = append(page.Invalid, InvalidItem{Raw: t.Raw, Err: err})
				continue
			}
			info.mirrored = params
		} else {
			info.task = requiresTask(t)
		}
		x.store(s, t.Name, info, len(tools)-i)
		x.schemas.learn(t.Name, t.RawOutputSchema, s.opts.Limits.Items)
		if from.server && s.observed() {
			s.compareDefinition(ctx, t)
		}
		if kept != i { // a Tool is large
			tools[kept] = *t
		}
		kept++
	}
	clear(tools[kept:])
	page.Items = tools[:kept]
}

// store remembers a tool that differs from the default. Most tools need no entry. left is how many
// tools of the page are left to be stored.
func (x *toolIndex) store(s *Session, name string, info listedTool, left int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(info.mirrored) == 0 && !info.hintsSafe && !info.task {
		delete(x.tools, name)
		return
	}
	if x.tools == nil {
		x.tools = make(map[string]listedTool, min(left, maxReserved, s.opts.Limits.Items))
	}
	if len(x.tools) >= s.opts.Limits.Items {
		if _, there := x.tools[name]; !there {
			return
		}
	}
	x.tools[name] = info
}

func isTrue(b *bool) bool { return b != nil && *b }

// applyListing applies what the session remembers of the tool of a call. It sets the headers that
// mirror the arguments, and it refuses a tool that runs only as a task. It looks up the definition
// for each try, because a new list may have changed it.
func (c *call) applyListing() (err error) {
	if c.msg.method != methodCallTool {
		return nil
	}
	c.msg.mirrored = nil
	tool := c.s.tools.lookup(c.msg.name)
	switch {
	case !c.state.modern() && tool.task:
		return &verdict.InvalidError{Err: &TaskRequiredError{Tool: c.msg.name}}
	case !c.state.modern():
		return nil
	}
	if c.msg.mirrored, err = mirror.Headers(tool.mirrored, c.args); err != nil {
		return &verdict.InvalidError{Err: err}
	}
	return nil
}

// toolSchemas holds the output schemas of listed tools. The first [Call] that needs a schema
// compiles it.
type toolSchemas struct {
	mu      sync.Mutex
	outputs map[string]*schema.Lazy // guarded by mu; a nil value: the tool has no output schema
	missing map[string]bool         // guarded by mu: tools that the server does not list
}

// reserve makes room for the first n tools.
func (x *toolSchemas) reserve(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.outputs == nil && n > 0 {
		x.outputs = make(map[string]*schema.Lazy, n)
	}
}

// learn remembers the output schema of a listed tool. It remembers at most limit tools. If the
// definition has not changed, its compiled schema is kept.
func (x *toolSchemas) learn(name string, raw json.RawMessage, limit int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old, known := x.outputs[name]
	switch {
	case known && old.Is(raw):
		return
	case !known && len(x.outputs) >= limit:
		return
	case x.outputs == nil:
		x.outputs = make(map[string]*schema.Lazy)
	}
	delete(x.missing, name)
	var output *schema.Lazy
	if raw != nil {
		output = schema.NewLazy(raw)
	}
	x.outputs[name] = output
}

// forget removes a tool that is no longer listed, or whose listing is invalid.
func (x *toolSchemas) forget(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.outputs, name)
}

// lookup returns a tool's output schema, nil if it has none. known is false if the session has not
// seen the tool's definition.
func (x *toolSchemas) lookup(name string) (output *schema.Lazy, known bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	output, known = x.outputs[name]
	return output, known || x.missing[name]
}

// miss remembers that the server does not list a tool.
func (x *toolSchemas) miss(name string, limit int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.missing == nil {
		x.missing = make(map[string]bool)
	}
	if len(x.missing) < limit {
		x.missing[name] = true
	}
}

// outputSchema returns the compiled output schema of a tool, nil if the tool has none or the server
// does not list it. If the tool was not listed in this session yet, outputSchema searches the list
// for it. It fails if the list cannot be obtained, because otherwise the tool would run without
// validation.
func (s *Session) outputSchema(ctx context.Context, tool string) (*schema.Schema, error) {
	output, known := s.tools.schemas.lookup(tool)
	if !known {
		var err error
		if output, err = s.findOutputSchema(ctx, tool); err != nil {
			return nil, err
		}
	}
	if output == nil {
		return nil, nil
	}
	compiled, err := output.Get()
	if err != nil {
		err = fmt.Errorf("output of tool %q: %w", redact.Line(tool, maxShownName), err)
		return nil, &Error{Kind: KindProtocol, Method: methodCallTool, Stage: transport.NotSent, Outcome: NotRun, Err: err}
	}
	return compiled, nil
}

// findOutputSchema lists the tools until it finds the tool. If the list does not have it,
// findOutputSchema remembers that, and the session does not search for it again.
func (s *Session) findOutputSchema(ctx context.Context, tool string) (*schema.Lazy, error) {
	for t, err := range s.Tools(ctx) {
		if err != nil {
			return nil, err
		}
		if t.Name != tool {
			continue
		}
		if output, known := s.tools.schemas.lookup(tool); known {
			return output, nil
		}
		if t.RawOutputSchema != nil { // there are more tools than the session remembers
			return schema.NewLazy(t.RawOutputSchema), nil
		}
		return nil, nil
	}
	s.tools.schemas.miss(tool, s.opts.Limits.Items)
	return nil, nil
}

// argumentSchemas holds the input schemas that [Tool.CheckArguments] compiled. A Tool is a value
// and cannot hold its compiled schema.
var argumentSchemas schema.Cache
