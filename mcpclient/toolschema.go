package mcpclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/schema"
	"github.com/hawser-mcp/hawser/transport"
)

// toolSchemas holds the output schemas of the tools that were listed. Nothing
// is compiled before the first [Call] that needs it.
type toolSchemas struct {
	mu      sync.Mutex
	outputs map[string]*lazySchema // guarded by mu; nil for a tool that has none
	missing map[string]bool        // guarded by mu: no page of a whole walk had these
}

// lazySchema is a schema that is compiled when it is first needed, once.
type lazySchema struct {
	raw      json.RawMessage
	once     sync.Once
	compiled *schema.Schema
	err      error
}

func (l *lazySchema) get() (*schema.Schema, error) {
	l.once.Do(func() { l.compiled, l.err = schema.Compile(l.raw) })
	return l.compiled, l.err
}

// learn remembers a listed tool's output schema, at most limit of them. A
// definition that did not change keeps what was compiled of it.
func (x *toolSchemas) learn(name string, raw json.RawMessage, limit int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old, known := x.outputs[name]
	switch {
	case known && (old == nil) == (raw == nil) && (old == nil || bytes.Equal(old.raw, raw)):
		return
	case !known && len(x.outputs) >= limit:
		return
	case x.outputs == nil:
		x.outputs = make(map[string]*lazySchema)
	}
	delete(x.missing, name)
	x.outputs[name] = nil
	if raw != nil {
		x.outputs[name] = &lazySchema{raw: raw}
	}
}

// forget is for a tool that is no longer listed, or not as a usable one.
func (x *toolSchemas) forget(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.outputs, name)
}

// lookup returns a tool's output schema, nil if it has none, and whether that is known.
func (x *toolSchemas) lookup(name string) (output *lazySchema, known bool) {
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

// outputSchema returns the compiled output schema of a tool, nil if it has none
// or the server does not list it. A tool that was not listed in this session is
// looked for; if that fails, so does this: a tool is not run unvalidated because
// the list was not to be had.
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
	compiled, err := output.get()
	if err != nil {
		err = fmt.Errorf("output of tool %q: %w", redact.Line(tool, maxShownName), err)
		return nil, &Error{Kind: KindProtocol, Method: methodCallTool, Stage: transport.NotSent, Outcome: NotRun, Err: err}
	}
	return compiled, nil
}

// findOutputSchema walks over the tools until one has the name. That a whole
// walk had none is remembered: there is no second walk for it in this session.
func (s *Session) findOutputSchema(ctx context.Context, tool string) (*lazySchema, error) {
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
		if t.RawOutputSchema != nil { // more tools than the session remembers
			return &lazySchema{raw: t.RawOutputSchema}, nil
		}
		return nil, nil
	}
	s.tools.schemas.miss(tool, s.opts.Limits.Items)
	return nil, nil
}

// argumentSchemas are the input schemas that [Tool.CheckArguments] compiled: a
// Tool is a value, which has no room for its own.
var argumentSchemas schemaCache

// The bounds of a schemaCache. Compiled, a schema takes up to a hundred times its length.
const (
	maxCachedSchemas     = 128
	maxCachedSchemaBytes = 1 << 20
)

// schemaCache keeps compiled schemas by the digest of their text.
type schemaCache struct {
	mu      sync.Mutex
	schemas map[[sha256.Size]byte]*lazySchema // guarded by mu
	bytes   int                               // guarded by mu: of all their texts
}

// get returns the schema of a text, compiled once however many ask.
func (c *schemaCache) get(raw json.RawMessage) (*schema.Schema, error) {
	sum := sha256.Sum256(raw)
	c.mu.Lock()
	entry := c.schemas[sum]
	if entry == nil {
		if len(c.schemas) >= maxCachedSchemas || c.bytes+len(raw) > maxCachedSchemaBytes {
			c.schemas, c.bytes = nil, 0
		}
		if c.schemas == nil {
			c.schemas = make(map[[sha256.Size]byte]*lazySchema)
		}
		entry = &lazySchema{raw: bytes.Clone(raw)}
		c.schemas[sum] = entry
		c.bytes += len(raw)
	}
	c.mu.Unlock()
	return entry.get()
}
