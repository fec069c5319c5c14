package mcpclient

import (
	"errors"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// resourcesPageDecoder decodes the result of resources/list.
type resourcesPageDecoder struct {
	pageHead
	out *ResourcesPage
}

func (d *resourcesPageDecoder) decode(c *jsonrpc.Cursor) {
	d.pageHead, *d.out = pageHead{}, ResourcesPage{}
	r := jsonReader{Cursor: *c}
	for key := range r.members() {
		if string(key) != "resources" {
			d.member(&r, key)
			continue
		}
		d.out.Resources = nil
		for range r.elements() {
			d.out.Resources = listed(&r, &d.pageHead, d.out.Resources, (*jsonReader).resource)
		}
	}
	d.out.PageInfo = d.info()
	*c = r.Cursor
}

var errNoURI = errors.New(`no "uri"`)

// resource reads the definition of a resource, as tool does that of a tool.
func (r *jsonReader) resource() (res Resource) {
	raw, item := r.split()
	res.Raw = raw
	for key := range item.members() {
		switch string(key) {
		case "uri":
			res.URI = item.optString()
		case "name":
			res.Name = item.optString()
		case "title":
			res.Title = item.optString()
		case "description":
			res.Description = item.optString()
		case "mimeType":
			res.MIMEType = item.optString()
		case "size":
			res.Size = item.optInt()
		case "annotations":
			res.Annotations = item.annotations()
		case "icons":
			res.Icons = item.icons()
		case "_meta":
			res.Meta = item.meta()
		default:
			item.Skip()
		}
	}
	if res.URI == "" {
		item.Fail(errNoURI)
	}
	r.join(&item)
	return res
}

// templatesPageDecoder decodes the result of resources/templates/list.
type templatesPageDecoder struct {
	pageHead
	out *ResourceTemplatesPage
}

func (d *templatesPageDecoder) decode(c *jsonrpc.Cursor) {
	d.pageHead, *d.out = pageHead{}, ResourceTemplatesPage{}
	r := jsonReader{Cursor: *c}
	for key := range r.members() {
		if string(key) != "resourceTemplates" {
			d.member(&r, key)
			continue
		}
		d.out.ResourceTemplates = nil
		for range r.elements() {
			d.out.ResourceTemplates = listed(&r, &d.pageHead, d.out.ResourceTemplates, (*jsonReader).template)
		}
	}
	d.out.PageInfo = d.info()
	*c = r.Cursor
}

// template reads the definition of a template, as tool does that of a tool.
func (r *jsonReader) template() (t ResourceTemplate) {
	raw, item := r.split()
	t.Raw = raw
	for key := range item.members() {
		switch string(key) {
		case "uriTemplate":
			t.RawURITemplate, t.URITemplate = item.uriTemplate()
		case "name":
			t.Name = item.optString()
		case "title":
			t.Title = item.optString()
		case "description":
			t.Description = item.optString()
		case "mimeType":
			t.MIMEType = item.optString()
		case "annotations":
			t.Annotations = item.annotations()
		case "icons":
			t.Icons = item.icons()
		case "_meta":
			t.Meta = item.meta()
		default:
			item.Skip()
		}
	}
	r.join(&item)
	return t
}

// uriTemplate reads a URI template; parsed is nil if it is none, which is for
// whoever wants to expand it to find out.
func (r *jsonReader) uriTemplate() (text string, parsed *mcp.URITemplate) {
	if r.TryNull() {
		return "", nil
	}
	start := *r
	text = r.String()
	parsed = new(mcp.URITemplate)
	if err := parsed.UnmarshalJSON(start.Skip()); err != nil {
		parsed = nil
	}
	return text, parsed
}

// readResourceDecoder decodes the result of resources/read.
type readResourceDecoder struct {
	resultHead
	out     *ReadResourceResult
	keepRaw bool
}

func (d *readResourceDecoder) decode(c *jsonrpc.Cursor) {
	*d.out = ReadResourceResult{}
	r := d.open(c, d.keepRaw, &d.out.Raw)
	d.read(&r)
	d.done(c, &r, &d.out.Raw)
	d.out.Result = d.result()
	d.out.RequestState = d.input.stateText
	d.out.CacheScope = d.out.Cache.Scope
	if d.out.Cache.HasTTL {
		ms := d.out.Cache.TTL.Milliseconds()
		d.out.TTLMs = &ms
	}
}

func (d *readResourceDecoder) read(r *jsonReader) {
	for key := range r.members() {
		switch {
		case string(key) == "contents":
			d.out.Contents = nil
			for range r.elements() {
				d.out.Contents = append(d.out.Contents, r.knownOrRaw())
			}
		case !d.out.Cache.member(r, key):
			d.member(r, key)
		}
	}
}

// knownOrRaw reads the contents of a resource, whatever they are.
func (r *jsonReader) knownOrRaw() mcp.ResourceContents {
	start := *r
	contents := r.resourceContents()
	if err := r.Err(); err != nil {
		*r = start
		return UnknownResourceContents{Raw: r.raw(), Err: err}
	}
	return contents
}

var errNoPayload = errors.New(`neither "text" nor "blob"`)

// resourceContents reads the contents of a resource, with an error if they are
// not as they should be. If there are a text and a blob, the text is taken.
func (r *jsonReader) resourceContents() mcp.ResourceContents {
	var (
		uri, mimeType, text, blob string
		hasText, hasBlob          bool
		meta                      map[string]any
	)
	for key := range r.members() {
		switch string(key) {
		case "uri":
			uri = r.optString()
		case "mimeType":
			mimeType = r.optString()
		case "text":
			hasText = r.Kind() != jsonrpc.Null
			text = r.optString()
		case "blob":
			hasBlob = r.Kind() != jsonrpc.Null
			blob = r.base64()
		case "_meta":
			meta = r.rawMeta()
		default:
			r.Skip()
		}
	}
	switch {
	case r.Err() != nil:
		return nil
	case hasText:
		return mcp.TextResourceContents{Meta: meta, URI: uri, MIMEType: mimeType, Text: text}
	case hasBlob:
		return mcp.BlobResourceContents{Meta: meta, URI: uri, MIMEType: mimeType, Blob: blob}
	}
	r.Fail(errNoPayload)
	return nil
}
