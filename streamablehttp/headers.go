package streamablehttp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// Names of the headers that Streamable HTTP defines, in canonical form.
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

// Param is one tool argument to mirror into a header (2026-07-28, "Custom
// headers from tool parameters").
type Param struct {
	// Name is the part after "Mcp-Param-"; it must be an HTTP token.
	Name string
	// Value is the argument as text; it is encoded on the way out.
	Value string
}

const (
	sentinelStart = "=?base64?"
	sentinelEnd   = "?="
)

// EncodeHeaderValue returns value in a form that survives an HTTP header
// (2026-07-28, Streamable HTTP, "Value Encoding"): as is when it is printable
// ASCII without white space at either end, else =?base64?…?=. A plain value that
// looks like the encoded form is encoded too, so that decoding is unambiguous.
func EncodeHeaderValue(value string) string {
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

// IsToken reports whether name is an HTTP token (RFC 9110, section 5.6.2), which header names must be.
func IsToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return name != ""
}

// CheckHeader reports why h cannot be sent along with requests of this
// transport: a name or value that HTTP forbids, or a name that the transport
// sets itself.
func CheckHeader(h http.Header) error {
	for name, values := range h {
		if !IsToken(name) {
			return fmt.Errorf("header name %q is not an HTTP token", sanitize(name, 64))
		}
		if reserved(textproto.CanonicalMIMEHeaderKey(name)) {
			return fmt.Errorf("header %s is the protocol's own and cannot be set", name)
		}
		for _, value := range values {
			if !validHeaderValue(value) {
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

func validHeaderValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; (c < ' ' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}

// errSessionID is a session id that could not be sent back as a header.
var errSessionID = errors.New("the server's session id has characters other than visible ASCII")

// MaxSessionID bounds a session ID: 8 KiB, the most that common servers accept in a header.
const MaxSessionID = 8 << 10

// CheckSessionID reports whether id, received from a server, may be sent back.
// It must be visible ASCII (2025-11-25, "Session Management"). The error is a
// [*LimitError] only if nothing but its length, more than [MaxSessionID], is wrong.
func CheckSessionID(id string) error {
	for i := range len(id) {
		if id[i] < 0x21 || id[i] > 0x7e {
			return errSessionID
		}
	}
	if len(id) > MaxSessionID {
		return &LimitError{What: "bytes in the session ID", Limit: MaxSessionID}
	}
	return nil
}

// Session is what requests carry of the protocol's state. It is immutable and
// its headers are built once.
type Session struct {
	version string
	id      string
	modern  bool
	post    http.Header
	get     http.Header
	del     http.Header
}

// NewSession returns the state for requests of one revision. Version is empty
// before the revision is known, id is empty outside a legacy session; modern
// says that the revision is 2026-07-28 or later, where standard headers mirror the body.
func (c *Conn) NewSession(version, id string, modern bool) *Session {
	common := make(http.Header, len(c.header)+4)
	for name, values := range c.header {
		common[name] = values
	}
	set := func(h http.Header, name, value string) { h[name] = []string{value} }
	if version != "" {
		set(common, headerVersion, version)
	}
	if id != "" && !modern {
		set(common, headerSession, id)
	}
	s := &Session{version: version, id: id, modern: modern}
	s.post, s.get, s.del = common.Clone(), common.Clone(), common
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

// Version returns the protocol revision, "" before it is known.
func (s *Session) Version() string { return s.version }

// ID returns the legacy session id, "" when there is none. It is a secret: keep it out of logs.
func (s *Session) ID() string { return s.id }

// postHeader returns a request's own header map. The values are shared with the
// template and full, so that an append elsewhere cannot write into them.
func (s *Session) postHeader(req *Request) http.Header {
	h := make(http.Header, len(s.post)+len(req.Header)+len(req.Params)+2)
	for name, values := range s.post {
		h[name] = values
	}
	for name, values := range req.Header {
		h[textproto.CanonicalMIMEHeaderKey(name)] = values[:len(values):len(values)]
	}
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
		add(headerName, EncodeHeaderValue(req.Name))
	}
	for _, p := range req.Params {
		add(textproto.CanonicalMIMEHeaderKey(headerParam+p.Name), EncodeHeaderValue(p.Value))
	}
	return h
}

func cloneHeader(template http.Header, extra int) http.Header {
	h := make(http.Header, len(template)+extra)
	for name, values := range template {
		h[name] = values
	}
	return h
}
