package mcptest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	metaPrefix         = "io.modelcontextprotocol/"
	metaVersion        = metaPrefix + "protocolVersion"
	metaClientInfo     = metaPrefix + "clientInfo"
	metaCapabilities   = metaPrefix + "clientCapabilities"
	metaServerInfo     = metaPrefix + "serverInfo"
	metaSubscriptionID = metaPrefix + "subscriptionId"
)

func (s *Server) serveModern(w http.ResponseWriter, r *http.Request, m *Message) {
	if r.Header.Get("Mcp-Session-Id") != "" || r.Header.Get("Last-Event-Id") != "" {
		s.violation("a modern request with headers of a legacy session")
	}
	if m == nil {
		s.violation(r.Method + " to a modern server")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Mcp-Session-Id", "to-be-ignored") // as some intermediaries do
	switch {
	case m.IsResponse():
		s.violation("a response sent to a modern server")
		w.WriteHeader(http.StatusBadRequest)
		return
	case !m.IsRequest():
		if legacyOnly[m.Method] {
			s.violation(m.Method + " sent to a modern server")
		}
		w.WriteHeader(http.StatusAccepted)
		return
	case m.Method == "initialize" || legacyOnly[m.Method]:
		if m.Method != "initialize" { // clients send it to find out whether a server is legacy
			s.violation(m.Method + " sent to a modern server")
		}
		WriteError(w, http.StatusNotFound, m.ID, CodeMethodNotFound, "Method not found")
		return
	}
	if e := s.checkModern(r, m); e != nil {
		WriteJSON(w, http.StatusBadRequest, ErrorResponse(m.ID, e))
		return
	}
	switch m.Method {
	case "server/discover":
		s.answer(w, r, nil, m.ID, map[string]any{
			"resultType": "complete", "supportedVersions": s.Versions, "capabilities": s.capabilities(), "instructions": s.Instructions,
			"_meta": map[string]any{metaServerInfo: map[string]any{"name": s.Name, "version": "1.0.0"}},
		}, nil)
	case "subscriptions/listen":
		s.listen(w, r, m)
	case "tools/call":
		s.callTool(w, r, nil, m)
	default:
		if s.runScripted(w, r, nil, m) {
			return
		}
		result, err := s.feature(m)
		if err != nil && err.Code == CodeMethodNotFound {
			WriteJSON(w, http.StatusNotFound, ErrorResponse(m.ID, err))
			return
		}
		s.answer(w, r, nil, m.ID, result, err)
	}
}

// legacyOnly lists the client methods that 2026-07-28 removed, except initialize.
var legacyOnly = map[string]bool{
	"ping": true, "logging/setLevel": true, "resources/subscribe": true, "resources/unsubscribe": true,
	"notifications/initialized": true, "notifications/cancelled": true, "notifications/roots/list_changed": true,
}

// checkMeta checks the members of _meta that every request has. The version and the capabilities
// are required; the client info is expected but optional.
func (s *Server) checkMeta(method string, meta map[string]json.RawMessage) (version string, complete bool) {
	var info struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(meta[metaClientInfo], &info); err != nil || info.Name == "" || info.Version == "" {
		s.violation(method + " without the client's name and version in _meta")
	}
	capabilities := meta[metaCapabilities]
	if isObject(capabilities) {
		s.declare(capabilities)
	} else {
		s.violation(method + " without the client's capabilities in _meta")
	}
	err := json.Unmarshal(meta[metaVersion], &version)
	if err != nil {
		s.violation(method + " without a protocol version in _meta")
	}
	return version, err == nil && capabilities != nil
}

// checkModern checks _meta and the headers that mirror the body.
func (s *Server) checkModern(r *http.Request, m *Message) *Error {
	var params struct {
		Meta      map[string]json.RawMessage `json:"_meta"`
		Name      *string                    `json:"name"`
		URI       *string                    `json:"uri"`
		Arguments map[string]json.RawMessage `json:"arguments"`
	}
	if len(m.Params) > 0 && json.Unmarshal(m.Params, &params) != nil {
		return &Error{Code: CodeInvalidParams, Message: "params"}
	}
	version, complete := s.checkMeta(m.Method, params.Meta)
	if !complete {
		return &Error{Code: CodeInvalidParams, Message: "_meta lacks the protocol version or the client capabilities"}
	}
	mismatch := func(name string) *Error {
		return &Error{Code: CodeHeaderMismatch, Message: "header mismatch: " + name}
	}
	switch {
	case r.Header.Get("Mcp-Protocol-Version") != version:
		return mismatch("MCP-Protocol-Version")
	case !slices.Contains(s.Versions, version):
		data := map[string]any{"supported": s.Versions, "requested": version}
		return &Error{Code: CodeUnsupportedVersion, Message: "unsupported protocol version", Data: data}
	case r.Header.Get("Mcp-Method") != m.Method:
		return mismatch("Mcp-Method")
	}
	if e := s.checkModernInputs(m); e != nil {
		return e
	}
	name := params.Name
	switch m.Method {
	case "resources/read":
		name = params.URI
	case "tools/call", "prompts/get":
	default:
		name = nil
	}
	if name != nil {
		if got, ok := decodeHeader(r.Header.Get("Mcp-Name")); !ok || got != *name {
			return mismatch("Mcp-Name")
		}
	}
	if m.Method == "tools/call" && name != nil {
		return s.checkParamHeaders(r, s.tool(*name), params.Arguments)
	}
	return nil
}

// checkParamHeaders checks the mirrored arguments of a tool call: all annotated arguments must be
// mirrored, and no others.
func (s *Server) checkParamHeaders(r *http.Request, t *Tool, args map[string]json.RawMessage) *Error {
	expected := make(map[string]string)
	if t != nil {
		for header, arg := range t.Mirrored {
			if text, ok := argumentText(args[arg]); ok {
				expected[http.CanonicalHeaderKey("Mcp-Param-"+header)] = text
			}
		}
	}
	for name := range r.Header {
		if _, ok := expected[name]; !ok && strings.HasPrefix(name, "Mcp-Param-") {
			return &Error{Code: CodeHeaderMismatch, Message: "header mismatch: " + name}
		}
	}
	for name, want := range expected {
		got, ok := decodeHeader(r.Header.Get(name))
		if _, there := r.Header[name]; !there || !ok || got != want {
			return &Error{Code: CodeHeaderMismatch, Message: "header mismatch: " + name}
		}
	}
	return nil
}

// argumentText returns the header value of an argument. It returns false for an absent or null
// argument, which has no header.
func argumentText(raw json.RawMessage) (string, bool) {
	var v any
	if raw == nil || json.Unmarshal(raw, &v) != nil {
		return "", false
	}
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return string(raw), true
	}
	return "", false
}

// decodeHeader decodes the value of a mirrored header. It returns false if the encoding is invalid.
func decodeHeader(value string) (string, bool) {
	text, ok := strings.CutPrefix(value, "=?base64?")
	if !ok {
		return value, true
	}
	text, ok = strings.CutSuffix(text, "?=")
	if !ok {
		return value, true
	}
	data, err := base64.StdEncoding.DecodeString(text)
	return string(data), err == nil
}
