package mcpclient

import (
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// resultHead is what every result may have, whatever its method.
type resultHead struct {
	kind  mcp.ResultType
	meta  *mcp.Meta
	input inputRequired
}

// inputRequired is what the server wants to know before it can go on
// (2026-07-28, multi round-trip requests).
type inputRequired struct {
	// requests are by the server's name for each, as received: a method that
	// nobody here knows must not spoil the others. nil when absent.
	requests map[string]json.RawMessage
	// state is the JSON string to be sent back, byte for byte. nil when absent.
	state json.RawMessage
	// stateText is the same, decoded.
	stateText string
}

func (h *resultHead) resultType() mcp.ResultType { return h.kind }

// inputRequired returns what the result last decoded asks for; its
// requests and state are nil if it asks for nothing.
func (h *resultHead) inputRequired() *inputRequired { return &h.input }

// open starts reading the result that c is at. If the whole of it is to be
// kept, it is copied to *raw, and read from there.
func (h *resultHead) open(c *jsonrpc.Cursor, keepRaw bool, raw *json.RawMessage) (r jsonReader) {
	*h = resultHead{}
	r.Cursor = *c
	if keepRaw {
		whole := r
		*raw, r = whole.split()
		*c = whole.Cursor
	}
	return r
}

// done ends what open started. A result of which only an extension knows what is
// in it is kept in *raw too.
func (h *resultHead) done(c *jsonrpc.Cursor, r *jsonReader, raw *json.RawMessage) {
	if r.mine {
		c.Fail(r.Err())
		return
	}
	start := jsonReader{Cursor: *c}
	*c = r.Cursor
	if !h.kind.IsComplete() && h.kind != mcp.ResultTypeInputRequired && c.Err() == nil {
		*raw = start.raw()
	}
}

// member reads the value of the member key, if need be by skipping it.
func (h *resultHead) member(r *jsonReader, key []byte) {
	switch string(key) {
	case "resultType":
		h.kind = r.resultType()
	case "_meta":
		h.meta = r.meta()
	case "inputRequests":
		h.input.requests = r.rawMembers()
	case "requestState":
		h.input.state, h.input.stateText = r.state()
	default:
		r.Skip()
	}
}

// result is the mcp form of it.
func (h *resultHead) result() mcp.Result {
	return mcp.Result{Meta: h.meta, ResultType: h.kind}
}

// resultType reads a resultType without a copy of the usual ones.
func (r *jsonReader) resultType() mcp.ResultType {
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

// rawMembers reads an object into a map of its members; null is nil.
func (r *jsonReader) rawMembers() map[string]json.RawMessage {
	if r.TryNull() {
		return nil
	}
	m := map[string]json.RawMessage{}
	for key := range r.members() {
		r.keep()
		name := string(key)
		m[name] = r.raw()
	}
	return m
}

// state reads a string both ways; null is nil and "".
func (r *jsonReader) state() (raw json.RawMessage, text string) {
	if r.TryNull() {
		return nil, ""
	}
	start := *r
	text = r.String()
	if r.Err() != nil {
		return nil, ""
	}
	return start.raw(), text
}

// meta reads a _meta; null is nil. Its values stay raw.
func (r *jsonReader) meta() *mcp.Meta {
	if r.TryNull() {
		return nil
	}
	m := &mcp.Meta{AdditionalFields: map[string]any{}}
	for key := range r.members() {
		if string(key) == "progressToken" {
			m.ProgressToken = r.progressToken()
			continue
		}
		r.keep()
		name := string(key)
		m.AdditionalFields[name] = r.raw()
	}
	return m
}

// rawMeta reads a _meta where mcp has a bare map for it; null is nil.
func (r *jsonReader) rawMeta() map[string]any {
	if r.TryNull() {
		return nil
	}
	m := map[string]any{}
	for key := range r.members() {
		r.keep()
		name := string(key)
		m[name] = r.raw()
	}
	return m
}

// progressToken reads a token: a string, a json.Number, and anything else raw.
func (r *jsonReader) progressToken() mcp.ProgressToken {
	switch r.Kind() {
	case jsonrpc.Null:
		r.TryNull()
		return nil
	case jsonrpc.String:
		return r.String()
	case jsonrpc.Number:
		return json.Number(r.Skip())
	default:
		return r.raw()
	}
}

// annotations reads the annotations of content and resources; null is nil.
func (r *jsonReader) annotations() *mcp.Annotations {
	if r.TryNull() {
		return nil
	}
	a := &mcp.Annotations{}
	for key := range r.members() {
		switch string(key) {
		case "audience":
			a.Audience = nil
			for range r.elements() {
				a.Audience = append(a.Audience, r.role())
			}
		case "priority":
			a.Priority = nil
			if !r.TryNull() {
				v := r.Float64()
				a.Priority = &v
			}
		case "lastModified":
			a.LastModified = r.optString()
		default:
			r.Skip()
		}
	}
	return a
}

// role reads a role without a copy of the usual ones.
func (r *jsonReader) role() mcp.Role {
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
func (r *jsonReader) icons() (icons []mcp.Icon) {
	for range r.elements() {
		icons = append(icons, r.icon())
	}
	return icons
}

// icon reads an icon. Its sizes were one string in drafts of the revision that
// brought them, and there are servers that still write that.
func (r *jsonReader) icon() (icon mcp.Icon) {
	for key := range r.members() {
		switch string(key) {
		case "src":
			icon.Src = r.optString()
		case "mimeType":
			icon.MIMEType = r.optString()
		case "sizes":
			if r.Kind() == jsonrpc.String {
				icon.Sizes = []string{r.String()}
				continue
			}
			icon.Sizes = nil
			for range r.elements() {
				icon.Sizes = append(icon.Sizes, r.String())
			}
		case "theme":
			icon.Theme = mcp.IconTheme(r.optString())
		default:
			r.Skip()
		}
	}
	return icon
}
