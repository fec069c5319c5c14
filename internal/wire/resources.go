package wire

import (
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Resource reads the definition of a resource; see [Reader.Tool].
func (r *Reader) Resource(res *mcp.Resource) (raw json.RawMessage) {
	i := r.item()
	for key := range r.Members() {
		switch string(key) {
		case "uri":
			res.URI = r.OptString()
		case "mimeType":
			res.MIMEType = r.OptString()
		case "size":
			res.Size = r.OptInt()
		case "annotations":
			res.Annotations = r.annotations()
		default:
			i.member(r, key)
		}
	}
	if res.URI == "" {
		r.Fail(ErrNoURI)
	}
	res.Name, res.Title, res.Description, res.Icons = i.name, i.title, i.description, i.icons
	raw, res.Meta = r.bytes(&i)
	return raw
}

// Template reads the definition of a resource template; see [Reader.Tool]. text is the URI template
// as received.
func (r *Reader) Template(t *mcp.ResourceTemplate) (text string, raw json.RawMessage) {
	i := r.item()
	for key := range r.Members() {
		switch string(key) {
		case "uriTemplate":
			text, t.URITemplate = r.uriTemplate()
		case "mimeType":
			t.MIMEType = r.OptString()
		case "annotations":
			t.Annotations = r.annotations()
		default:
			i.member(r, key)
		}
	}
	t.Name, t.Title, t.Description, t.Icons = i.name, i.title, i.description, i.icons
	raw, t.Meta = r.bytes(&i)
	return text, raw
}

// uriTemplate reads a URI template. parsed is nil if the text is invalid, which only matters to a
// caller that expands it.
func (r *Reader) uriTemplate() (text string, parsed *mcp.URITemplate) {
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

// ReadResource decodes the result of resources/read.
type ReadResource struct {
	Head
	Out     *mcp.ReadResourceResult // receives the result
	Raw     *json.RawMessage        // receives the whole result if KeepRaw is set or an extension defines the result type
	Cache   *Cache                  // receives the cache hint
	KeepRaw bool
	Unknown *Unknown
}

// Decode implements [Decoder].
func (d *ReadResource) Decode(c *jsonrpc.Cursor) {
	*d.Out, *d.Raw, *d.Cache = mcp.ReadResourceResult{}, nil, Cache{}
	r := d.open(c, d.Unknown, d.KeepRaw, d.Raw)
	d.read(&r)
	d.done(c, &r, d.Raw)
	d.Out.Result = d.result()
	d.Out.RequestState = d.Input.StateText()
	d.Out.CacheScope = d.Cache.Scope
	if d.Cache.HasTTL {
		ms := d.Cache.TTL.Milliseconds()
		d.Out.TTLMs = &ms
	}
}

func (d *ReadResource) read(r *Reader) {
	for key := range r.Members() {
		switch {
		case string(key) == "contents":
			d.Out.Contents = nil
			for range r.Elements() {
				d.Out.Contents = append(d.Out.Contents, r.knownOrRaw())
			}
		case !d.Cache.member(r, key):
			d.member(r, key)
		}
	}
}

// knownOrRaw reads the contents of a resource. It fails only if they are not JSON.
func (r *Reader) knownOrRaw() mcp.ResourceContents {
	start := *r
	contents := r.resourceContents()
	if err := r.Err(); err != nil {
		*r = start
		return r.unknown.Resource(r.Raw(), err)
	}
	return contents
}

// resourceContents reads the contents of a resource and fails if they are invalid. If they have
// both a text and a blob, the text counts.
func (r *Reader) resourceContents() mcp.ResourceContents {
	var (
		uri, mimeType, text, blob string
		hasText, hasBlob          bool
		meta                      map[string]any
	)
	for key := range r.Members() {
		switch string(key) {
		case "uri":
			uri = r.OptString()
		case "mimeType":
			mimeType = r.OptString()
		case "text":
			hasText = r.Kind() != jsonrpc.Null
			text = r.OptString()
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
	r.Fail(ErrNoPayload)
	return nil
}
