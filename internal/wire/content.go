package wire

import (
	"bytes"

	"github.com/mark3labs/mcp-go/mcp"
)

// Contents reads a list of content items. nested says whether the list is inside another item.
func (r *Reader) Contents(nested bool) (items []mcp.Content) {
	for range r.Elements() {
		items = append(items, r.Content(nested))
	}
	return items
}

// Content reads one item. It fails only if the text is not valid JSON. An item that is invalid in
// any other way becomes unknown content.
//
// Most items start with their type, so a single pass can read them. For other items, Content finds
// the type first. If an item has two types, the last one counts.
//
// A new type of content needs a case in contentItem.read and a method that reads its members.
func (r *Reader) Content(nested bool) mcp.Content {
	start := *r
	item := contentItem{nested: nested}
	kind, ok := start.firstType()
	if !ok {
		var err error
		if kind, err = start.lastType(); err != nil {
			return r.unknownContent("", err)
		}
		item.settled = true
	}
	content := item.read(r, kind)
	if item.otherType {
		*r = start
		var err error
		if kind, err = start.lastType(); err != nil {
			return r.unknownContent("", err)
		}
		item = contentItem{nested: nested, settled: true}
		content = item.read(r, kind)
	}
	if err := r.Err(); err != nil {
		*r = start
		return r.unknownContent(string(kind), err)
	}
	return content
}

// unknownContent reads the next value as content that has no type in package mcp.
func (r *Reader) unknownContent(kind string, err error) mcp.Content {
	return r.unknown.Content(kind, r.Raw(), err)
}

// firstType returns the type of the item at the current position if it is the first member. It
// reads ahead without moving r.
func (r *Reader) firstType() (kind []byte, ok bool) {
	ahead := *r
	return ahead.readFirstType()
}

func (r *Reader) readFirstType() (kind []byte, ok bool) {
	r.EnterObject()
	key, ok := r.NextKey()
	if !ok || string(key) != "type" {
		return nil, false
	}
	kind = r.StringBytes()
	return kind, r.Err() == nil
}

// lastType returns the type of the item at the current position, wherever it is in the item. It
// reads ahead without moving r.
func (r *Reader) lastType() (kind []byte, err error) {
	ahead := *r
	return ahead.readLastType()
}

func (r *Reader) readLastType() (kind []byte, err error) {
	found := false
	for key := range r.Members() {
		if string(key) == "type" {
			kind, found = r.StringBytes(), true
		} else {
			r.Skip()
		}
	}
	if err = r.Err(); err == nil && !found {
		err = ErrNoType
	}
	return kind, err
}

// contentItem is a content item while it is being read.
type contentItem struct {
	annotations *mcp.Annotations
	meta        *mcp.Meta
	kind        []byte // the type that it is read as
	settled     bool   // another type must not change kind
	otherType   bool   // a later type differs from kind, so the item was read as the wrong type
	nested      bool   // it is inside the content of a tool_result
}

// read reads the item as an item of type kind.
func (i *contentItem) read(r *Reader, kind []byte) mcp.Content {
	i.kind = kind
	switch string(kind) {
	case mcp.ContentTypeText:
		return i.text(r)
	case mcp.ContentTypeImage:
		data, mimeType := i.media(r)
		return mcp.ImageContent{
			Annotated: i.annotated(), Meta: i.meta, Type: mcp.ContentTypeImage, Data: data, MIMEType: mimeType,
		}
	case mcp.ContentTypeAudio:
		data, mimeType := i.media(r)
		return mcp.AudioContent{
			Annotated: i.annotated(), Meta: i.meta, Type: mcp.ContentTypeAudio, Data: data, MIMEType: mimeType,
		}
	case mcp.ContentTypeLink:
		return i.link(r)
	case mcp.ContentTypeResource:
		return i.embedded(r)
	case mcp.ContentTypeToolUse:
		return i.toolUse(r)
	case mcp.ContentTypeToolResult:
		return i.toolResult(r)
	}
	if !i.settled {
		if last, err := r.lastType(); err != nil || !bytes.Equal(last, kind) {
			i.otherType = true
			return nil
		}
	}
	return r.unknownContent(string(kind), nil)
}

// member reads the value of the member key, which several types have in common.
func (i *contentItem) member(r *Reader, key []byte) {
	switch string(key) {
	case "annotations":
		i.annotations = r.annotations()
	case "_meta":
		i.meta = r.Meta()
	case "type":
		if i.settled {
			r.Skip()
			return
		}
		i.otherType = i.otherType || !bytes.Equal(r.StringBytes(), i.kind)
	default:
		r.Skip()
	}
}

func (i *contentItem) annotated() mcp.Annotated { return mcp.Annotated{Annotations: i.annotations} }

func (i *contentItem) text(r *Reader) mcp.Content {
	text := ""
	for key := range r.Members() {
		if string(key) == "text" {
			text = r.OptString()
		} else {
			i.member(r, key)
		}
	}
	return mcp.TextContent{Annotated: i.annotated(), Meta: i.meta, Type: mcp.ContentTypeText, Text: text}
}

// media reads the data and MIME type of an image or audio item.
func (i *contentItem) media(r *Reader) (data, mimeType string) {
	for key := range r.Members() {
		switch string(key) {
		case "data":
			data = r.base64()
		case "mimeType":
			mimeType = r.OptString()
		default:
			i.member(r, key)
		}
	}
	return data, mimeType
}

func (i *contentItem) link(r *Reader) mcp.Content {
	link := mcp.ResourceLink{Type: mcp.ContentTypeLink}
	for key := range r.Members() {
		switch string(key) {
		case "uri":
			link.URI = r.OptString()
		case "name":
			link.Name = r.OptString()
		case "title":
			link.Title = r.OptString()
		case "description":
			link.Description = r.OptString()
		case "mimeType":
			link.MIMEType = r.OptString()
		case "size":
			link.Size = r.OptInt()
		default:
			i.member(r, key)
		}
	}
	link.Annotated, link.Meta = i.annotated(), i.meta
	return link
}

func (i *contentItem) embedded(r *Reader) mcp.Content {
	var resource mcp.ResourceContents
	for key := range r.Members() {
		if string(key) == "resource" {
			resource = r.resourceContents()
		} else {
			i.member(r, key)
		}
	}
	if resource == nil {
		r.Fail(ErrNoResource)
	}
	return mcp.EmbeddedResource{
		Annotated: i.annotated(), Meta: i.meta, Type: mcp.ContentTypeResource, Resource: resource,
	}
}

func (i *contentItem) toolUse(r *Reader) mcp.Content {
	use := mcp.ToolUseContent{Type: mcp.ContentTypeToolUse}
	for key := range r.Members() {
		switch string(key) {
		case "id":
			use.ID = r.OptString()
		case "name":
			use.Name = r.OptString()
		case "input":
			use.Input = r.Raw()
		default:
			i.member(r, key)
		}
	}
	use.Annotated, use.Meta = i.annotated(), i.meta
	return use
}

// toolResult reads a tool_result. It does not follow nested tool_results: MCP does not allow them,
// and the work would be unbounded.
func (i *contentItem) toolResult(r *Reader) mcp.Content {
	if i.nested {
		r.Fail(ErrNested)
		return nil
	}
	result := mcp.ToolResultContent{Type: mcp.ContentTypeToolResult}
	for key := range r.Members() {
		switch string(key) {
		case "toolUseId":
			result.ToolUseID = r.OptString()
		case "content":
			result.Content = r.Contents(true)
		case "structuredContent":
			result.RawStructuredContent = r.Raw()
		case "isError":
			result.IsError = r.OptBool()
		default:
			i.member(r, key)
		}
	}
	if result.RawStructuredContent != nil {
		result.StructuredContent = result.RawStructuredContent
	}
	result.Annotated, result.Meta = i.annotated(), i.meta
	return result
}
