package streamablehttp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"strings"
	"sync"

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
	post    http.Header  // of messages
	tools   *toolHeaders // nil for a legacy revision
}

// toolHeaders holds the headers of calls without a header of their own, by the name of the tool.
type toolHeaders struct {
	mu     sync.Mutex
	byName map[string]http.Header // guarded by mu
}

// NewSession returns the state for requests of one revision. version is empty before the revision
// is negotiated. id is empty outside a legacy session. Set modern for 2026-07-28 or later: headers
// then mirror the body, and id is ignored.
func (c *Conn) NewSession(version, id string, modern bool) *Session {
	s := &Session{version: version, id: id, modern: modern, post: cloneHeader(c.header, 5)}
	values := make([]string, 0, 5) // of all headers that are set here
	set := func(name, value string) {
		values = append(values, value)
		s.post[name] = values[len(values)-1 : len(values) : len(values)]
	}
	if version != "" {
		set(headerVersion, version)
	}
	if modern {
		s.tools = new(toolHeaders)
	} else if id != "" {
		set(headerSession, id)
	}
	set("Content-Type", typeJSON)
	set("Accept", typeJSON+", "+typeStream)
	if c.acceptGzip {
		set("Accept-Encoding", "gzip")
	}
	return s
}

// getHeader returns a new header map for a GET that opens a stream, with room for extra headers.
func (s *Session) getHeader(extra int) http.Header {
	h := cloneHeader(s.post, extra)
	delete(h, "Content-Type")
	h["Accept"] = []string{typeStream}
	return h
}

// deleteHeader returns a new header map for a DELETE.
func (s *Session) deleteHeader() http.Header {
	h := cloneHeader(s.post, 0)
	for _, about := range []string{"Content-Type", "Accept", "Accept-Encoding"} {
		delete(h, about)
	}
	return h
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

// maxToolHeaders bounds the tools whose headers a Session keeps, and maxToolName their names in
// bytes.
const (
	maxToolHeaders = 32
	maxToolName    = 128
)

// sharedHeader returns the header of a request that has no header of its own, or nil. It belongs to
// other requests too and must not be changed.
func (s *Session) sharedHeader(req *Request) http.Header {
	switch {
	case len(req.Header) > 0 || s.modern && len(req.Params) > 0:
		return nil
	case !s.modern:
		return s.post
	case req.Method != methodCallTool || !req.HasName || len(req.Name) > maxToolName:
		return nil
	}
	kept := s.tools
	kept.mu.Lock()
	defer kept.mu.Unlock()
	h := kept.byName[req.Name]
	if h == nil && len(kept.byName) < maxToolHeaders {
		if kept.byName == nil {
			kept.byName = make(map[string]http.Header)
		}
		h = s.postHeader(req)
		kept.byName[req.Name] = h
	}
	return h
}

const methodCallTool = "tools/call"

// addHeaders adds the headers of one request to h. An append to a value slice does not change own.
func addHeaders(h, own http.Header) {
	for name, values := range own {
		h[textproto.CanonicalMIMEHeaderKey(name)] = values[:len(values):len(values)]
	}
}

func cloneHeader(template http.Header, extra int) http.Header {
	h := make(http.Header, len(template)+extra)
	maps.Copy(h, template)
	return h
}
