package mcpclient

import (
	"bytes"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"
)

var (
	errNoType     = errors.New(`no "type"`)
	errNoResource = errors.New(`no "resource"`)
	errNested     = errors.New("not allowed in the content of a tool_result")
)

// contents reads a list of content. nested tells that it is in an item already.
func (r *jsonReader) contents(nested bool) (items []mcp.Content) {
	for range r.elements() {
		items = append(items, r.content(nested))
	}
	return items
}

// content reads one item. It fails only if the text is not JSON: anything else
// that is wrong makes an UnknownContent.
//
// Nearly all items begin with their type, and are read in one go. In any other
// the type is looked for first, and if an item has two, the last one counts.
func (r *jsonReader) content(nested bool) mcp.Content {
	start := *r
	item := contentItem{nested: nested}
	kind, ok := start.firstType()
	if !ok {
		var err error
		if kind, err = start.lastType(); err != nil {
			return UnknownContent{Raw: r.raw(), Err: err}
		}
		item.settled = true
	}
	content := item.read(r, kind)
	if item.otherType {
		*r = start
		var err error
		if kind, err = start.lastType(); err != nil {
			return UnknownContent{Raw: r.raw(), Err: err}
		}
		item = contentItem{nested: nested, settled: true}
		content = item.read(r, kind)
	}
	if err := r.Err(); err != nil {
		*r = start
		return UnknownContent{Type: string(kind), Raw: r.raw(), Err: err}
	}
	return content
}

// firstType returns the type of the item that begins here, if that is its
// first member. It reads ahead: r stays where it is.
func (r *jsonReader) firstType() (kind []byte, ok bool) {
	ahead := *r
	return ahead.readFirstType()
}

func (r *jsonReader) readFirstType() (kind []byte, ok bool) {
	r.EnterObject()
	key, ok := r.NextKey()
	if !ok || string(key) != "type" {
		return nil, false
	}
	kind = r.StringBytes()
	return kind, r.Err() == nil
}

// lastType returns the type of the item that begins here, wherever it is. It
// reads ahead: r stays where it is.
func (r *jsonReader) lastType() (kind []byte, err error) {
	ahead := *r
	return ahead.readLastType()
}

func (r *jsonReader) readLastType() (kind []byte, err error) {
	found := false
	for key := range r.members() {
		if string(key) == "type" {
			kind, found = r.StringBytes(), true
		} else {
			r.Skip()
		}
	}
	if err = r.Err(); err == nil && !found {
		err = errNoType
	}
	return kind, err
}

// contentItem is an item of content while it is read.
type contentItem struct {
	annotations *mcp.Annotations
	meta        *mcp.Meta
	kind        []byte // as which it is read
	settled     bool   // no need to look for another type
	otherType   bool   // it has another type further on, so it was read wrongly
	nested      bool   // it is in the content of a tool_result
}

// read reads the item as one of type kind.
func (i *contentItem) read(r *jsonReader, kind []byte) mcp.Content {
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
	return UnknownContent{Type: string(kind), Raw: r.raw()}
}

// member reads the value of the member key, which is not of this type alone.
func (i *contentItem) member(r *jsonReader, key []byte) {
	switch string(key) {
	case "annotations":
		i.annotations = r.annotations()
	case "_meta":
		i.meta = r.meta()
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

func (i *contentItem) text(r *jsonReader) mcp.Content {
	text := ""
	for key := range r.members() {
		if string(key) == "text" {
			text = r.optString()
		} else {
			i.member(r, key)
		}
	}
	return mcp.TextContent{Annotated: i.annotated(), Meta: i.meta, Type: mcp.ContentTypeText, Text: text}
}

// media reads an image or audio.
func (i *contentItem) media(r *jsonReader) (data, mimeType string) {
	for key := range r.members() {
		switch string(key) {
		case "data":
			data = r.base64()
		case "mimeType":
			mimeType = r.optString()
		default:
			i.member(r, key)
		}
	}
	return data, mimeType
}

func (i *contentItem) link(r *jsonReader) mcp.Content {
	link := mcp.ResourceLink{Type: mcp.ContentTypeLink}
	for key := range r.members() {
		switch string(key) {
		case "uri":
			link.URI = r.optString()
		case "name":
			link.Name = r.optString()
		case "title":
			link.Title = r.optString()
		case "description":
			link.Description = r.optString()
		case "mimeType":
			link.MIMEType = r.optString()
		case "size":
			link.Size = r.optInt()
		default:
			i.member(r, key)
		}
	}
	link.Annotated, link.Meta = i.annotated(), i.meta
	return link
}

func (i *contentItem) embedded(r *jsonReader) mcp.Content {
	var resource mcp.ResourceContents
	for key := range r.members() {
		if string(key) == "resource" {
			resource = r.resourceContents()
		} else {
			i.member(r, key)
		}
	}
	if resource == nil {
		r.Fail(errNoResource)
	}
	return mcp.EmbeddedResource{
		Annotated: i.annotated(), Meta: i.meta, Type: mcp.ContentTypeResource, Resource: resource,
	}
}

func (i *contentItem) toolUse(r *jsonReader) mcp.Content {
	use := mcp.ToolUseContent{Type: mcp.ContentTypeToolUse}
	for key := range r.members() {
		switch string(key) {
		case "id":
			use.ID = r.optString()
		case "name":
			use.Name = r.optString()
		case "input":
			use.Input = r.raw()
		default:
			i.member(r, key)
		}
	}
	use.Annotated, use.Meta = i.annotated(), i.meta
	return use
}

// toolResult reads a tool_result. One in another is not MCP, and
// following such nests would be work without a bound.
func (i *contentItem) toolResult(r *jsonReader) mcp.Content {
	if i.nested {
		r.Fail(errNested)
		return nil
	}
	result := mcp.ToolResultContent{Type: mcp.ContentTypeToolResult}
	for key := range r.members() {
		switch string(key) {
		case "toolUseId":
			result.ToolUseID = r.optString()
		case "content":
			result.Content = r.contents(true)
		case "structuredContent":
			result.RawStructuredContent = r.raw()
		case "isError":
			result.IsError = r.optBool()
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
