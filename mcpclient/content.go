package mcpclient

import (
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
)

// These interfaces have an unexported method. Embedding them is the way to
// implement them, and an unexported name keeps the embedded field out of the API.
type (
	sealedContent          = mcp.Content
	sealedResourceContents = mcp.ResourceContents
)

// UnknownContent is an item of content that could not be turned into one of
// the types of package mcp: its type is one that this SDK does not know, or it is
// damaged (image data that is not base64, an embedded resource without
// contents, a member of the wrong kind). The items around it are not affected.
//
// It marshals to the bytes it came from.
type UnknownContent struct {
	sealedContent
	// Type is the item's type, "" if it has none.
	Type string
	// Raw is the whole item as received.
	Raw json.RawMessage
	// Err says what is wrong with the item; nil if only its type is unknown.
	Err error
}

// MarshalJSON returns Raw.
func (c UnknownContent) MarshalJSON() ([]byte, error) { return orNull(c.Raw), nil }

// UnknownResourceContents are contents of a resource that could not be turned
// into one of the types of package mcp: they have neither a text nor a blob, or
// are damaged (a blob that is not base64, a member of the wrong kind). The contents around
// them are not affected.
//
// They marshal to the bytes they came from.
type UnknownResourceContents struct {
	sealedResourceContents
	// Raw are the whole contents as received.
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
