package mcpclient

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// The types in this file are those of package mcp, with a home for what those
// cannot hold. Values of _meta members and of structured content are
// json.RawMessage: the exact bytes, in which no integer has lost a digit. Raw
// fields of one value may share memory: treat them as read-only.

// Tool is a tool as the server listed it.
//
// RawInputSchema is always set, to the exact bytes, and RawOutputSchema
// when there is one; InputSchema and OutputSchema are never set, since they cannot
// hold every schema. The input schema of a tool that has none is
// {"type":"object"}.
type Tool struct {
	mcp.Tool
	// Raw is the whole definition as received, with the members unknown here.
	Raw json.RawMessage `json:"-"`
}

// InputSchema returns the exact bytes of the input schema, RawInputSchema. It shadows the field of
// [mcp.Tool] with that name, which cannot hold every schema and is never set; so it is in the embedded
// Tool if that is handed on.
func (t Tool) InputSchema() json.RawMessage { return t.RawInputSchema }

// OutputSchema returns the exact bytes of the output schema, nil if there is none. It shadows a field
// like InputSchema does.
func (t Tool) OutputSchema() json.RawMessage { return t.RawOutputSchema }

// UnmarshalJSON decodes a tool without losing anything.
func (t *Tool) UnmarshalJSON(data []byte) error {
	return publicError(wire.UnmarshalItem(data, t, readTool))
}

// Prompt is a prompt as the server listed it.
type Prompt struct {
	mcp.Prompt
	// Raw is the whole definition as received, with the members unknown here.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a prompt without losing anything.
func (p *Prompt) UnmarshalJSON(data []byte) error {
	return publicError(wire.UnmarshalItem(data, p, readPrompt))
}

// Resource is a resource as the server listed it.
type Resource struct {
	mcp.Resource
	// Raw is the whole definition as received, with the members unknown here.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a resource without losing anything.
func (r *Resource) UnmarshalJSON(data []byte) error {
	return publicError(wire.UnmarshalItem(data, r, readResource))
}

// ResourceTemplate is a template of resources as the server listed it.
type ResourceTemplate struct {
	mcp.ResourceTemplate // URITemplate is nil if RawURITemplate is not a URI template
	// RawURITemplate is the template as received (RFC 6570, if the server keeps to it).
	RawURITemplate string `json:"-"`
	// Raw is the whole definition as received, with the members unknown here.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a template without losing anything.
func (t *ResourceTemplate) UnmarshalJSON(data []byte) error {
	return publicError(wire.UnmarshalItem(data, t, readTemplate))
}

// CallToolResult is what a tool returned.
//
// RawStructuredContent is the exact bytes of the structured content, and
// StructuredContent the same as a json.RawMessage: nil if there is none,
// "null" if there is a null. Content may have items of type [UnknownContent].
// InputRequests is never set; see Input.
type CallToolResult struct {
	mcp.CallToolResult
	// Input is what the server requires to go on, with [WithManualInput] only.
	Input *InputRequired `json:"-"`
	// Raw is the whole result as received, if it was asked for with
	// [WithRawResult], or its ResultType is one that an extension brought.
	Raw json.RawMessage `json:"-"`
}

// StructuredContent returns the exact bytes of the structured content, nil if there is none; [Decode] reads
// them into a value. It shadows the field of [mcp.CallToolResult] with that name, which holds the same bytes.
func (r *CallToolResult) StructuredContent() json.RawMessage { return r.RawStructuredContent }

// Text returns the text of all text content, one item a line.
func (r *CallToolResult) Text() string {
	var parts []string
	for _, item := range r.Content {
		if text, ok := item.(mcp.TextContent); ok {
			parts = append(parts, text.Text)
		}
	}
	return strings.Join(parts, "\n")
}

// UnmarshalJSON decodes a result without losing structured content, _meta
// or content of unknown types. Raw is not set.
func (r *CallToolResult) UnmarshalJSON(data []byte) error {
	*r = CallToolResult{}
	return publicError(wire.Unmarshal(data, r.decoder(false)))
}

// GetPromptResult is a prompt with its arguments filled in. The content of its
// messages may be of type [UnknownContent]. InputRequests is never set; see Input.
type GetPromptResult struct {
	mcp.GetPromptResult
	// Input is what the server requires to go on, with [WithManualInput] only.
	Input *InputRequired `json:"-"`
	// Raw is the whole result as received, if it was asked for with
	// [WithRawResult], or its ResultType is one that an extension brought.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a result without losing _meta or content of unknown
// types. Raw is not set.
func (r *GetPromptResult) UnmarshalJSON(data []byte) error {
	*r = GetPromptResult{}
	return publicError(wire.Unmarshal(data, r.decoder(false)))
}

// ReadResourceResult is what is in a resource. Contents may have items of type
// [UnknownResourceContents]. InputRequests is never set; see Input.
type ReadResourceResult struct {
	mcp.ReadResourceResult
	// Input is what the server requires to go on, with [WithManualInput] only.
	Input *InputRequired `json:"-"`
	// Cache says how long the result may be used again.
	Cache CacheHint `json:"-"`
	// Raw is the whole result as received, if it was asked for with
	// [WithRawResult], or its ResultType is one that an extension brought.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a result without losing _meta or contents that are
// damaged. Raw is not set.
func (r *ReadResourceResult) UnmarshalJSON(data []byte) error {
	*r = ReadResourceResult{}
	return publicError(wire.Unmarshal(data, r.decoder(false)))
}

// CacheHint is what the server says about using a result again (2026-07-28,
// caching).
type CacheHint struct {
	// TTL is how long after its receipt the result is fresh: 0 is stale at
	// once, also if the server said nothing or something negative. It is at most 365 days.
	TTL time.Duration
	// HasTTL tells that the server said something about it.
	HasTTL bool
	// Scope is whom the result is for. Absent ("") and any other value than
	// public must be treated as private.
	Scope mcp.CacheScope
}

// Page is one page of a list. T is [Tool], [Prompt], [Resource] or [ResourceTemplate].
type Page[T any] struct {
	// Items are those that could be read, in the server's order.
	Items []T
	PageInfo
}

// PageInfo is what a page of any list has besides its items.
type PageInfo struct {
	// NextCursor asks for the page after this one; nil means that this is the
	// last. A cursor is opaque, and an empty one is a cursor.
	NextCursor *string
	// Cache says how long the page may be used again.
	Cache CacheHint
	// Meta is the page's _meta, nil when absent.
	Meta *mcp.Meta
	// ResultType is "" when absent, which means complete.
	ResultType mcp.ResultType
	// Invalid are the items that could not be read: one bad definition costs a
	// page no other.
	Invalid []InvalidItem
}

// InvalidItem is an item of a list that is not what the protocol says.
type InvalidItem struct {
	// Raw is the item as received.
	Raw json.RawMessage
	// Err says what is wrong with it.
	Err error
}
