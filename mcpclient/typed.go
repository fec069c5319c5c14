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
	"github.com/hawser-mcp/hawser/transport"
)

// What errors show of a server's texts, in characters.
const (
	maxShownText = 200
	maxShownName = 64
	// maxShownProblems is how many mismatches the text of a SchemaError has.
	maxShownProblems = 3
)

// ToolError is a tool's own failure: a result with isError.
type ToolError struct {
	// Tool is its name.
	Tool string
	// Result is what it returned.
	Result *CallToolResult
}

// Error names the tool and what it said, shortened and without control characters.
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
	// Problems are what is wrong, each with its place as a JSON Pointer. There
	// are at most 20, and none shows a value.
	Problems []SchemaProblem
}

// SchemaProblem is one mismatch of a value and a schema.
type SchemaProblem struct {
	// Path is where in the value, a JSON Pointer (RFC 6901); "" is the whole.
	Path string
	// Reason says what is wrong there.
	Reason string
}

// Error lists the problems, shortened.
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

// schemaError is an error of validation in the words of this package.
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

// Call runs a tool with typed arguments and returns its structured content as
// an Out: see [Decode]. If the tool has an output schema, the content is
// validated against it (2026-07-28, "Output Schema"); a tool that the session
// has not listed yet is looked for first, without the options. If the list cannot
// be had, or the schema cannot be used, the tool is not run. A tool that the server
// does not list is run, and nothing validated.
//
// What [Session.CallTool] returns as a result with IsError is an error here: a
// [KindTool] that wraps a [*ToolError]. A result that does not match the schema
// is a [KindProtocol] that wraps a [*SchemaError]; the tool has run then, as it
// has with every error that the result is the cause of. With [WithManualInput], a tool
// that requires input is a [KindInput]: what it asks for is told by CallTool alone.
func Call[In, Out any](ctx context.Context, s *Session, tool string, in In, opts ...CallOption) (Out, error) {
	var zero Out
	output, err := s.outputSchema(ctx, tool)
	if err != nil {
		return zero, toolNotRun(err)
	}
	res, err := s.CallTool(ctx, tool, in, opts...)
	if err != nil {
		return zero, err
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

// harmlessIf notes in the error of a tool call whether the call was declared harmless.
func (s *Session) harmlessIf(e *Error, tool string, opts []CallOption) error {
	o := s.newCallOptions(opts)
	e.harmless = s.declaredHarmless(&o, s.tools.lookup(tool))
	return e
}

// toolNotRun is the error of what comes before a tool call: whatever became of that, the tool did not run.
func toolNotRun(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	out := *e
	out.Outcome = NotRun
	return &out
}

// badResult is the error of a call whose tool has run, and whose result is of no use.
func badResult(kind Kind, err error) *Error {
	return &Error{Kind: kind, Method: methodCallTool, Stage: transport.Answered, Outcome: Answered, Tries: 1, Err: err}
}

var (
	errManualInput  = errors.New("the tool requires input, and with WithManualInput only CallTool can tell which")
	errNoStructured = errors.New("no structured content, although the tool has an output schema")
)

// checkResult reports why a result is none that Call can return.
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
	errUndecodable = errors.New("neither structured content nor exactly one text")
	errTrailing    = errors.New("more than one JSON value")
)

// Decode returns a result's structured content as a T. Numbers lose no digit:
// in a T with interfaces they are a json.Number. A result that has none is read
// as its one text: as it is if T is a string, else as JSON, which servers send
// besides structured content or, if older, instead of it.
//
// A result with IsError is decoded like any other: what a tool says of its
// failure may be structured, too.
func Decode[T any](res *CallToolResult) (T, error) {
	var out T
	if res == nil {
		return out, errNoResult
	}
	raw := res.RawStructuredContent
	if raw == nil && res.CallToolResult.StructuredContent != nil { // a result that no server sent
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

// oneText is the only text in a result.
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

// CheckArguments reports whether arguments match the tool's input schema: nil,
// a [*SchemaError], or another error if the schema cannot be used. Args is
// anything that encodes to a JSON object; nil is the empty object.
// [Session.CallTool] does not check: the server does.
func (t *Tool) CheckArguments(args any) error {
	var o callOptions
	_, data := o.toolParams(t.Name, args)
	if o.err != nil {
		return o.err
	}
	if t.RawInputSchema == nil { // a Tool that was not listed
		return nil
	}
	input, err := argumentSchemas.get(t.RawInputSchema)
	if err != nil {
		return fmt.Errorf("input of tool %q: %w", redact.Line(t.Name, maxShownName), err)
	}
	return schemaError(input.Validate(data))
}
