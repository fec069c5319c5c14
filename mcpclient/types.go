package mcpclient

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// The types in this file embed types of package mcp and add what the mcp types cannot hold. Values
// of _meta members and of structured content are json.RawMessage, so integers keep all their
// digits. Raw fields of one value may share memory: treat them as read-only.

// Tool is a tool as the server listed it.
//
// RawInputSchema is always set to the exact bytes; for a tool without an input schema it is
// {"type":"object"}. RawOutputSchema is set if there is an output schema. The fields InputSchema
// and OutputSchema of the embedded Tool are never set, since they cannot hold every schema.
type Tool struct {
	mcp.Tool
	// Raw is the whole definition as received, including members that this package does not know.
	Raw json.RawMessage `json:"-"`
}

// InputSchema returns the exact bytes of the input schema, RawInputSchema. It shadows the field of
// [mcp.Tool] with that name, which is never set. Code that receives the embedded Tool sees an empty
// field.
func (t Tool) InputSchema() json.RawMessage { return t.RawInputSchema }

// OutputSchema returns the exact bytes of the output schema, nil if there is none. Like
// InputSchema, it shadows a field.
func (t Tool) OutputSchema() json.RawMessage { return t.RawOutputSchema }

// DisplayName returns the name to show to users: the tool's title, else the title in its
// annotations, else its name (2026-07-28, "Tool"). The text comes from the server.
func (t Tool) DisplayName() string { return cmp.Or(t.Title, t.Annotations.Title, t.Name) }

// UnmarshalJSON decodes a tool and keeps everything that it holds.
func (t *Tool) UnmarshalJSON(data []byte) error {
	return publicError(wire.UnmarshalItem(data, t, readTool))
}

// Prompt is a prompt as the server listed it.
type Prompt struct {
	mcp.Prompt
	// Raw is the whole definition as received, including members that this package does not know.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a prompt and keeps everything that it holds.
func (p *Prompt) UnmarshalJSON(data []byte) error {
	return publicError(wire.UnmarshalItem(data, p, readPrompt))
}

// Resource is a resource as the server listed it.
type Resource struct {
	mcp.Resource
	// Raw is the whole definition as received, including members that this package does not know.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a resource and keeps everything that it holds.
func (r *Resource) UnmarshalJSON(data []byte) error {
	return publicError(wire.UnmarshalItem(data, r, readResource))
}

// ResourceTemplate is a resource template as the server listed it.
type ResourceTemplate struct {
	mcp.ResourceTemplate // URITemplate is nil if RawURITemplate is not a URI template
	// RawURITemplate is the template as received. It should be a URI template (RFC 6570).
	RawURITemplate string `json:"-"`
	// Raw is the whole definition as received, including members that this package does not know.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a template and keeps everything that it holds.
func (t *ResourceTemplate) UnmarshalJSON(data []byte) error {
	return publicError(wire.UnmarshalItem(data, t, readTemplate))
}

// CallToolResult is the result of a tool call.
//
// RawStructuredContent holds the exact bytes of the structured content: nil if there is none,
// "null" if it is null. Content may have items of type [UnknownContent]. InputRequests is never
// set; see Input.
type CallToolResult struct {
	mcp.CallToolResult
	// Input is the input that the server requires. It is only set with [WithManualInput].
	Input *InputRequired `json:"-"`
	// Raw is the whole result as received, if [WithRawResult] was given or the ResultType comes
	// from an extension.
	Raw json.RawMessage `json:"-"`
}

// StructuredContent returns the exact bytes of the structured content, nil if there is none.
// [Decode] decodes them into a value. The method shadows the field of [mcp.CallToolResult] with
// that name, which holds the same bytes.
func (r *CallToolResult) StructuredContent() json.RawMessage { return r.RawStructuredContent }

// Text returns the text of all text items, joined with newlines.
func (r *CallToolResult) Text() string {
	var parts []string
	for _, item := range r.Content {
		if text, ok := item.(mcp.TextContent); ok {
			parts = append(parts, text.Text)
		}
	}
	return strings.Join(parts, "\n")
}

// UnmarshalJSON decodes a result without losing structured content, _meta or content of unknown
// types. It does not set Raw.
func (r *CallToolResult) UnmarshalJSON(data []byte) error {
	*r = CallToolResult{}
	return publicError(wire.Unmarshal(data, r.decoder(false)))
}

// GetPromptResult is a prompt with its arguments filled in. The content of its messages may be of
// type [UnknownContent]. InputRequests is never set; see Input.
type GetPromptResult struct {
	mcp.GetPromptResult
	// Input is the input that the server requires. It is only set with [WithManualInput].
	Input *InputRequired `json:"-"`
	// Raw is the whole result as received, if [WithRawResult] was given or the ResultType comes
	// from an extension.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a result without losing _meta or content of unknown types. It does not set
// Raw.
func (r *GetPromptResult) UnmarshalJSON(data []byte) error {
	*r = GetPromptResult{}
	return publicError(wire.Unmarshal(data, r.decoder(false)))
}

// ReadResourceResult holds the contents of a resource, which may have items of type
// [UnknownResourceContents]. InputRequests is never set; see Input.
type ReadResourceResult struct {
	mcp.ReadResourceResult
	// Input is the input that the server requires. It is only set with [WithManualInput].
	Input *InputRequired `json:"-"`
	// Cache says how long the result may be reused.
	Cache CacheHint `json:"-"`
	// Raw is the whole result as received, if [WithRawResult] was given or the ResultType comes
	// from an extension.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON decodes a result without losing _meta or invalid contents. It does not set Raw.
func (r *ReadResourceResult) UnmarshalJSON(data []byte) error {
	*r = ReadResourceResult{}
	return publicError(wire.Unmarshal(data, r.decoder(false)))
}

// CacheHint says how long, and by whom, a result may be reused (2026-07-28, caching).
type CacheHint struct {
	// TTL is how long the result stays fresh after it was received, at most 365 days. Zero means
	// already stale; the same is assumed when the server sends nothing or a negative value.
	TTL time.Duration
	// HasTTL says whether the server sent a value.
	HasTTL bool
	// Scope says who may reuse the result. Treat every value except public as private, including
	// "".
	Scope mcp.CacheScope
}

// Page is one page of a list. T is [Tool], [Prompt], [Resource] or [ResourceTemplate].
type Page[T any] struct {
	// Items are the valid items, in the server's order.
	Items []T
	PageInfo
}

// PageInfo holds what a page of any list has besides its items.
type PageInfo struct {
	// NextCursor requests the next page; nil means that this is the last page. A cursor is opaque,
	// and "" is a valid cursor.
	NextCursor *string
	// Cache says how long the page may be reused.
	Cache CacheHint
	// Meta is the page's _meta, nil if absent.
	Meta *mcp.Meta
	// ResultType is the page's resultType, "" if absent, which means complete.
	ResultType mcp.ResultType
	// Invalid are the items that cannot be decoded. They do not affect the others.
	Invalid []InvalidItem
}

// InvalidItem is an item of a list that cannot be decoded.
type InvalidItem struct {
	// Raw is the item as received.
	Raw json.RawMessage
	// Err says what is wrong with it.
	Err error
}

// These interfaces have an unexported method, so a type can only implement them by embedding them.
// Unexported names keep the embedded fields out of the API.
type (
	sealedContent          = mcp.Content
	sealedResourceContents = mcp.ResourceContents
)

// UnknownContent is a content item that has no type in package mcp. Either its type is unknown to
// this package, or it is invalid, such as an image whose data is not base64, an embedded resource
// without contents, or an item with a member of the wrong type. The other items are not affected.
//
// It marshals to the bytes that it was decoded from.
type UnknownContent struct {
	sealedContent
	// Type is the item's type, "" if absent.
	Type string
	// Raw is the whole item as received.
	Raw json.RawMessage
	// Err says what is wrong with the item; nil if only its type is unknown.
	Err error
}

// MarshalJSON returns Raw.
func (c UnknownContent) MarshalJSON() ([]byte, error) { return orNull(c.Raw), nil }

// UnknownResourceContents are contents of a resource that have no type in package mcp. They have
// neither a text nor a blob, or they are invalid, such as a blob that is not base64 or a member of
// the wrong type. The other contents are not affected.
//
// They marshal to the bytes that they were decoded from.
type UnknownResourceContents struct {
	sealedResourceContents
	// Raw holds the whole contents as received.
	Raw json.RawMessage
	// Err says what is wrong with them; it is never nil in a result.
	Err error
}

// MarshalJSON returns Raw.
func (c UnknownResourceContents) MarshalJSON() ([]byte, error) { return orNull(c.Raw), nil }

func orNull(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return []byte("null")
	}
	return raw
}
