package wire

import (
	"encoding/json"
	"math"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Head holds the members that the result of any method may have.
type Head struct {
	Kind  mcp.ResultType // "" if absent
	Meta  *mcp.Meta      // nil if absent
	Input Input
}

// Common implements [Decoder].
func (h *Head) Common() *Head { return h }

// Input is the input that the server requires before it can continue (2026-07-28, "Multi Round-Trip
// Requests").
type Input struct {
	// Requests are the raw requests, by the server's key. They stay raw because a request with an
	// unknown method must not affect the others. nil if absent.
	Requests map[string]json.RawMessage
	// State is the JSON string to send back, byte for byte. nil if absent.
	State json.RawMessage
}

// StateText decodes State.
func (i *Input) StateText() string {
	if i.State == nil {
		return ""
	}
	c := jsonrpc.NewCursor(i.State, 0)
	return c.String()
}

// open starts reading the result at the current position of c. If keepRaw is set, open copies the
// whole result to *raw, and the Reader reads the copy.
func (h *Head) open(c *jsonrpc.Cursor, unknown *Unknown, keepRaw bool, raw *json.RawMessage) (r Reader) {
	*h = Head{}
	r.Cursor, r.unknown = *c, unknown
	if keepRaw {
		whole := r
		*raw = whole.Raw()
		// The first read has already checked the depth.
		r = Reader{Cursor: jsonrpc.NewCursor(*raw, math.MaxInt), mine: true, unknown: unknown}
		*c = whole.Cursor
	}
	return r
}

// done finishes reading the result. If an extension defines the result type, done also copies the
// result to *raw.
func (h *Head) done(c *jsonrpc.Cursor, r *Reader, raw *json.RawMessage) {
	if r.mine {
		c.Fail(r.Err())
		return
	}
	start := Reader{Cursor: *c}
	*c = r.Cursor
	if !h.Kind.IsComplete() && h.Kind != mcp.ResultTypeInputRequired && c.Err() == nil {
		*raw = start.Raw()
	}
}

// member reads the value of the member key. It skips members that are not common.
func (h *Head) member(r *Reader, key []byte) {
	switch string(key) {
	case "resultType":
		h.Kind = r.resultType()
	case "_meta":
		h.Meta = r.Meta()
	case "inputRequests":
		h.Input.Requests = r.rawMembers()
	case "requestState":
		h.Input.State = r.state()
	default:
		r.Skip()
	}
}

// result returns the head as package mcp defines it.
func (h *Head) result() mcp.Result {
	return mcp.Result{Meta: h.Meta, ResultType: h.Kind}
}

// resultType reads a resultType. It does not allocate for the usual ones.
func (r *Reader) resultType() mcp.ResultType {
	if r.TryNull() {
		return ""
	}
	switch b := r.StringBytes(); string(b) {
	case string(mcp.ResultTypeComplete):
		return mcp.ResultTypeComplete
	case string(mcp.ResultTypeInputRequired):
		return mcp.ResultTypeInputRequired
	default:
		return mcp.ResultType(b)
	}
}

// rawMembers reads an object into a map of raw members; null is nil.
func (r *Reader) rawMembers() map[string]json.RawMessage {
	if r.TryNull() {
		return nil
	}
	m := map[string]json.RawMessage{}
	for key := range r.Members() {
		r.Keep()
		name := string(key)
		m[name] = r.Raw()
	}
	return m
}

// state reads a string and returns its raw bytes; null is nil.
func (r *Reader) state() json.RawMessage {
	if r.TryNull() {
		return nil
	}
	if r.Kind() != jsonrpc.String {
		_ = r.String() // fails
		return nil
	}
	return r.Raw()
}

// Meta reads a _meta object and keeps its values raw. Any other value becomes nil.
func (r *Reader) Meta() *mcp.Meta {
	if r.Other(jsonrpc.Object) {
		return nil
	}
	m := &mcp.Meta{AdditionalFields: map[string]any{}}
	for key := range r.Members() {
		if string(key) == "progressToken" {
			m.ProgressToken = r.progressToken()
			continue
		}
		r.Keep()
		name := string(key)
		m.AdditionalFields[name] = r.Raw()
	}
	return m
}

// rawMeta reads a _meta object for fields that are plain maps in package mcp. Any other value
// becomes nil.
func (r *Reader) rawMeta() map[string]any {
	if r.Other(jsonrpc.Object) {
		return nil
	}
	m := map[string]any{}
	for key := range r.Members() {
		r.Keep()
		name := string(key)
		m[name] = r.Raw()
	}
	return m
}

// progressToken reads a token as a string or a json.Number, and any other value raw.
func (r *Reader) progressToken() mcp.ProgressToken {
	switch r.Kind() {
	case jsonrpc.Null:
		r.TryNull()
		return nil
	case jsonrpc.String:
		return r.String()
	case jsonrpc.Number:
		return json.Number(r.Skip())
	default:
		return r.Raw()
	}
}

// annotations reads the annotations of content and resources. A value that is not an object becomes
// nil.
func (r *Reader) annotations() *mcp.Annotations {
	if r.Other(jsonrpc.Object) {
		return nil
	}
	a := &mcp.Annotations{}
	for key := range r.Members() {
		switch string(key) {
		case "audience":
			if a.Audience = nil; r.Other(jsonrpc.Array) {
				continue
			}
			for range r.Elements() {
				a.Audience = append(a.Audience, r.role())
			}
		case "priority":
			a.Priority = nil
			if !r.Other(jsonrpc.Number) {
				v := r.Float64()
				a.Priority = &v
			}
		case "lastModified":
			a.LastModified = r.laxString()
		default:
			r.Skip()
		}
	}
	return a
}

// role reads a role. It does not allocate for the usual ones.
func (r *Reader) role() mcp.Role {
	switch b := r.StringBytes(); string(b) {
	case string(mcp.RoleUser):
		return mcp.RoleUser
	case string(mcp.RoleAssistant):
		return mcp.RoleAssistant
	default:
		return mcp.Role(b)
	}
}

// icons reads a list of icons; null is nil.
func (r *Reader) icons() (icons []mcp.Icon) {
	for range r.Elements() {
		icons = append(icons, r.icon())
	}
	return icons
}

// icon reads an icon. In drafts of 2025-11-25, its sizes were one string, and some servers still
// send that.
func (r *Reader) icon() (icon mcp.Icon) {
	for key := range r.Members() {
		switch string(key) {
		case "src":
			icon.Src = r.OptString()
		case "mimeType":
			icon.MIMEType = r.OptString()
		case "sizes":
			if r.Kind() == jsonrpc.String {
				icon.Sizes = []string{r.String()}
				continue
			}
			icon.Sizes = r.OptStrings()
		case "theme":
			icon.Theme = mcp.IconTheme(r.OptString())
		default:
			r.Skip()
		}
	}
	return icon
}

// Empty decodes results that only report success, like those of ping and logging/setLevel. Some
// servers send null.
type Empty struct{ Head }

// Decode implements [Decoder].
func (d *Empty) Decode(c *jsonrpc.Cursor) {
	d.Head = Head{}
	if c.Kind() != jsonrpc.Object {
		c.Skip()
		return
	}
	r := Reader{Cursor: *c}
	for key := range r.Members() {
		d.member(&r, key)
	}
	*c = r.Cursor
}

// RawResult keeps a result of any type unchanged. If it is an object, RawResult reads the common
// members as well.
type RawResult struct {
	Head
	Out *json.RawMessage // receives the result
}

// Decode implements [Decoder].
func (d *RawResult) Decode(c *jsonrpc.Cursor) {
	*d.Out = nil
	r := d.open(c, nil, true, d.Out)
	if r.Kind() == jsonrpc.Object {
		for key := range r.Members() {
			d.member(&r, key)
		}
	}
	d.done(c, &r, d.Out)
}
