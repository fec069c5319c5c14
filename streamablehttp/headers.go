package streamablehttp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// Headers that Streamable HTTP defines, in canonical form.
const (
	headerSession = "Mcp-Session-Id"
	headerVersion = "Mcp-Protocol-Version"
	headerMethod  = "Mcp-Method"
	headerName    = "Mcp-Name"
	headerParam   = "Mcp-Param-"
	headerCursor  = "Last-Event-Id"
)

const (
	typeJSON   = "application/json"
	typeStream = "text/event-stream"
)

// Param is a tool argument to mirror into a header (2026-07-28, "Custom headers from tool
// parameters").
type Param struct {
	// Name is the part after "Mcp-Param-". It must be an HTTP token.
	Name string
	// Value is the argument as text. It is encoded before it is sent.
	Value string
}

const (
	sentinelStart = "=?base64?"
	sentinelEnd   = "?="
)

// encodeHeaderValue returns value in a form that a header can carry (2026-07-28, Streamable HTTP,
// "Value Encoding"). Printable ASCII without white space at either end is unchanged; anything else
// becomes =?base64?…?=. A plain value that looks encoded is also encoded, so that decoding is
// unambiguous.
func encodeHeaderValue(value string) string {
	if isPlainHeaderValue(value) {
		return value
	}
	return sentinelStart + base64.StdEncoding.EncodeToString([]byte(value)) + sentinelEnd
}

func isPlainHeaderValue(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	if value != "" && (value[0] == ' ' || value[len(value)-1] == ' ') {
		return false
	}
	return !strings.HasPrefix(value, sentinelStart) || !strings.HasSuffix(value, sentinelEnd)
}

// CheckHeader returns an error if h cannot be sent with requests, because a name or value is
// invalid in HTTP, or because this package sets the header itself. The error shows no values.
func CheckHeader(h http.Header) error {
	for name, values := range h {
		if !httprule.IsToken(name) {
			return fmt.Errorf("header name %q is not an HTTP token", redact.Clean(name, 64))
		}
		if reserved(textproto.CanonicalMIMEHeaderKey(name)) {
			return fmt.Errorf("header %s belongs to the protocol and cannot be set", name)
		}
		for _, value := range values {
			if !httprule.IsFieldValue(value) {
				return fmt.Errorf("the value of header %s has characters that HTTP forbids", name)
			}
		}
	}
	return nil
}

func reserved(canonical string) bool {
	switch canonical {
	case "Accept", "Accept-Encoding", "Content-Type", "Content-Length", "Content-Encoding", "Host", "Connection",
		"Transfer-Encoding", "Te", "Trailer", "Upgrade", headerCursor:
		return true
	}
	return strings.HasPrefix(canonical, "Mcp-") &&
		(canonical == headerSession || canonical == headerVersion || canonical == headerMethod ||
			canonical == headerName || strings.HasPrefix(canonical, headerParam))
}

var errSessionID = errors.New("the server's session ID contains characters other than visible ASCII")

// CheckSessionID returns an error if a session ID from a server cannot be sent back. It must be
// visible ASCII (2025-11-25, "Session Management") and at most 8 KiB long. The error is a
// [*LimitError] if only its length is wrong. It does not show the ID, which is a secret.
func CheckSessionID(id string) error {
	for i := range len(id) {
		if id[i] < 0x21 || id[i] > 0x7e {
			return errSessionID
		}
	}
	if len(id) > maxSessionID {
		return &LimitError{What: "bytes in the session ID", Limit: maxSessionID}
	}
	return nil
}

// Session holds the protocol state that requests carry, with prebuilt headers. It is immutable and
// safe for concurrent use. Create one with [Conn.NewSession].
type Session struct {
	version string
	id      string
	modern  bool
	post    http.Header
	get     http.Header
}

// NewSession returns the state for requests of one revision. version is empty before the revision
// is negotiated. id is empty outside a legacy session. Set modern for 2026-07-28 or later: headers
// then mirror the body, and id is ignored.
func (c *Conn) NewSession(version, id string, modern bool) *Session {
	common := make(http.Header, len(c.header)+4)
	maps.Copy(common, c.header)
	set := func(h http.Header, name, value string) { h[name] = []string{value} }
	if version != "" {
		set(common, headerVersion, version)
	}
	if id != "" && !modern {
		set(common, headerSession, id)
	}
	s := &Session{version: version, id: id, modern: modern}
	s.post, s.get = maps.Clone(common), common
	set(s.post, "Content-Type", typeJSON)
	set(s.post, "Accept", typeJSON+", "+typeStream)
	set(s.get, "Accept", typeStream)
	for _, h := range []http.Header{s.post, s.get} {
		if c.acceptGzip {
			set(h, "Accept-Encoding", "gzip")
		}
	}
	return s
}

// Version returns the protocol revision, or "" before it is negotiated.
func (s *Session) Version() string { return s.version }

// ID returns the legacy session ID, or "". It is a secret: keep it out of logs.
func (s *Session) ID() string { return s.id }

// postHeader returns a new header map for a request. The map shares its value slices with the
// template. Each slice has no spare capacity, so an append to it cannot change the template.
func (s *Session) postHeader(req *Request) http.Header {
	h := make(http.Header, len(s.post)+len(req.Header)+len(req.Params)+2)
	maps.Copy(h, s.post)
	addHeaders(h, req.Header)
	if !s.modern {
		return h
	}
	mirrored := make([]string, 0, 2+len(req.Params))
	add := func(name, value string) {
		mirrored = append(mirrored, value)
		h[name] = mirrored[len(mirrored)-1 : len(mirrored) : len(mirrored)]
	}
	add(headerMethod, req.Method)
	if req.HasName {
		add(headerName, encodeHeaderValue(req.Name))
	}
	for _, p := range req.Params {
		add(textproto.CanonicalMIMEHeaderKey(headerParam+p.Name), encodeHeaderValue(p.Value))
	}
	return h
}

// addHeaders adds the headers of one request to h. An append to a value slice does not change own.
func addHeaders(h, own http.Header) {
	for name, values := range own {
		h[textproto.CanonicalMIMEHeaderKey(name)] = values[:len(values):len(values)]
	}
}

// deleteHeader returns a new header map for a DELETE.
func (s *Session) deleteHeader() http.Header {
	h := cloneHeader(s.get, 0)
	delete(h, "Accept")
	delete(h, "Accept-Encoding")
	return h
}

func cloneHeader(template http.Header, extra int) http.Header {
	h := make(http.Header, len(template)+extra)
	maps.Copy(h, template)
	return h
}
