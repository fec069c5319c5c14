package mcpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/schema"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/transport"
)

// Bounds of text from the server in error messages, in characters.
const (
	maxShownText = 200
	maxShownName = 64
	// maxShownProblems is how many problems the text of a SchemaError shows.
	maxShownProblems = 3
)

// ToolError is a failure that a tool reported: a result with IsError.
type ToolError struct {
	// Tool is the name of the tool that failed.
	Tool string
	// Result is the result that reported the failure.
	Result *CallToolResult
}

// Error returns the name of the tool and the first text of its result, shortened and without
// control characters.
func (e *ToolError) Error() string {
	text := fmt.Sprintf("tool %q failed", redact.Line(e.Tool, maxShownName))
	if e.Result == nil {
		return text
	}
	for _, item := range e.Result.Content {
		if said, ok := item.(mcp.TextContent); ok {
			return text + ": " + redact.Line(said.Text, maxShownText)
		}
	}
	return text
}

// SchemaError says where a value does not match a schema.
type SchemaError struct {
	// Problems are the mismatches, at most 20. They never show a value.
	Problems []SchemaProblem
}

// SchemaProblem is one mismatch between a value and a schema.
type SchemaProblem struct {
	// Path is the location in the value, as a JSON Pointer (RFC 6901); "" is the whole value.
	Path string
	// Reason says what is wrong there.
	Reason string
}

// Error returns the first problems.
func (e *SchemaError) Error() string {
	var b strings.Builder
	b.WriteString("does not match the schema")
	for i, p := range e.Problems {
		if i == maxShownProblems {
			fmt.Fprintf(&b, " and %d more", len(e.Problems)-i)
			break
		}
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		if p.Path != "" {
			b.WriteString(p.Path + " ")
		}
		b.WriteString(p.Reason)
	}
	return b.String()
}

// schemaError converts a validation error into a SchemaError.
func schemaError(err error) error {
	var mismatch *schema.Error
	if !errors.As(err, &mismatch) {
		return err
	}
	e := &SchemaError{Problems: make([]SchemaProblem, len(mismatch.Problems))}
	for i, p := range mismatch.Problems {
		e.Problems[i] = SchemaProblem(p)
	}
	return e
}

// Call runs a tool with typed arguments and decodes its structured content into an Out; see
// [Decode]. If the tool has an output schema, Call validates the content against it (2026-07-28,
// "Output Schema"). If the session has not listed the tool yet, Call first lists the tools, without
// opts. If the tool list or the schema cannot be obtained, Call fails without running the tool. A
// tool missing from the list runs without validation.
//
// If a result has IsError set, Call returns a [KindTool] error that wraps a [*ToolError], whereas
// [Session.CallTool] returns the result. If a result does not match the schema, Call returns a
// [KindProtocol] error that wraps a [*SchemaError]. In both cases the tool has run. With
// [WithManualInput], Call fails with [KindInput] if the tool requires input; only CallTool returns
// the required input. In the same way, only CallTool returns a result that [WithoutResolving] left
// as it was.
func Call[In, Out any](ctx context.Context, s *Session, tool string, in In, opts ...CallOption) (Out, error) {
	var zero Out
	output, err := s.outputSchema(ctx, tool)
	if err != nil {
		return zero, toolNotRun(err)
	}
	res, c, err := s.callTool(ctx, tool, in, opts)
	if err != nil {
		return zero, err
	}
	if c.claimed() != nil {
		c.past = verdict.Unknown
		return zero, c.failure(KindProtocol, answered("", errUnresolved))
	}
	if e := checkResult(tool, res, output); e != nil {
		return zero, s.harmlessIf(e, tool, opts)
	}
	out, err := Decode[Out](res)
	if err != nil {
		e := badResult(KindProtocol, fmt.Errorf("result of tool %q: %w", redact.Line(tool, maxShownName), err))
		return zero, s.harmlessIf(e, tool, opts)
	}
	return out, nil
}

// harmlessIf records in the error of a tool call whether the call was declared harmless.
func (s *Session) harmlessIf(e *Error, tool string, opts []CallOption) error {
	var c call
	c.apply(opts)
	e.harmless = s.declaredHarmless(&c.callOptions, tool)
	return e
}

// toolNotRun changes the outcome of an error from before a tool call to [NotRun].
func toolNotRun(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Outcome = NotRun
	return &out
}

// badResult returns the error for a tool call that ran but whose result Call cannot return.
func badResult(kind Kind, err error) *Error {
	return &Error{Kind: kind, Method: methodCallTool, Stage: transport.Answered, Outcome: Answered, Tries: 1, Err: err}
}

var (
	errManualInput  = errors.New("the tool requires input: with WithManualInput, use CallTool, which returns the required input")
	errUnresolved   = errors.New("the result has the type of an extension: with WithoutResolving, use CallTool, which returns such a result")
	errNoStructured = errors.New("no structured content, although the tool has an output schema")
)

// checkResult returns the error if Call cannot return the result, else nil.
func checkResult(tool string, res *CallToolResult, output *schema.Schema) *Error {
	switch {
	case res.Input != nil:
		return badResult(KindInput, errManualInput)
	case res.IsError:
		return badResult(KindTool, &ToolError{Tool: tool, Result: res})
	case output == nil:
		return nil
	case res.RawStructuredContent == nil:
		return badResult(KindProtocol, fmt.Errorf("result of tool %q: %w", redact.Line(tool, maxShownName), errNoStructured))
	}
	if err := output.Validate(res.RawStructuredContent); err != nil {
		return badResult(KindProtocol, fmt.Errorf("structured content of tool %q: %w", redact.Line(tool, maxShownName), schemaError(err)))
	}
	return nil
}

var (
	errNoResult    = errors.New("no result")
	errUndecodable = errors.New("expected structured content or exactly one text")
	errTrailing    = errors.New("more than one JSON value")
)

// Decode decodes a result's structured content into a T. Numbers keep all digits: in an interface,
// they are a json.Number. If there is no structured content and the result has exactly one text
// item, Decode uses the text. If T is a string, Decode returns the text unchanged. Otherwise it
// decodes the text as JSON, because older servers send JSON as text instead of structured content.
//
// Decode treats a result with IsError like any other, because a failure may also have structured
// content.
func Decode[T any](res *CallToolResult) (T, error) {
	var out T
	if res == nil {
		return out, errNoResult
	}
	raw := res.RawStructuredContent
	if raw == nil && res.CallToolResult.StructuredContent != nil { // the user created the result
		data, err := json.Marshal(res.CallToolResult.StructuredContent)
		if err != nil {
			return out, err
		}
		raw = data
	}
	if raw == nil {
		text, ok := oneText(res)
		if !ok {
			return out, errUndecodable
		}
		if s, isString := any(&out).(*string); isString {
			*s = text
			return out, nil
		}
		raw = json.RawMessage(text)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return *new(T), fmt.Errorf("decode as %T: %w", out, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return *new(T), errTrailing
	}
	return out, nil
}

// oneText returns the text if the result has exactly one text item. Otherwise ok is false.
func oneText(res *CallToolResult) (text string, ok bool) {
	for _, item := range res.Content {
		content, isText := item.(mcp.TextContent)
		if isText && ok {
			return "", false
		}
		if isText {
			text, ok = content.Text, true
		}
	}
	return text, ok
}

// CheckArguments validates arguments against the tool's input schema. It returns nil, a
// [*SchemaError], or another error if the schema cannot be used. args is anything that encodes to a
// JSON object; nil means the empty object. [Session.CallTool] does not validate arguments; it
// leaves that to the server.
func (t *Tool) CheckArguments(args any) error {
	_, data, err := wire.ToolParams(t.Name, args)
	if err != nil {
		return err
	}
	if t.RawInputSchema == nil { // the user created the tool
		return nil
	}
	input, err := argumentSchemas.Get(t.RawInputSchema)
	if err != nil {
		return fmt.Errorf("input of tool %q: %w", redact.Line(t.Name, maxShownName), err)
	}
	return schemaError(input.Validate(data))
}
