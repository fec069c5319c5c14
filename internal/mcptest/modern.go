package mcptest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	metaPrefix         = "io.modelcontextprotocol/"
	metaVersion        = metaPrefix + "protocolVersion"
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
		if m.Method == "notifications/cancelled" {
			s.violation("notifications/cancelled sent to a modern server")
		}
		w.WriteHeader(http.StatusAccepted)
		return
	case m.Method == "initialize" || m.Method == "ping" || m.Method == "logging/setLevel":
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
		result, err := s.feature(m)
		if err != nil && err.Code == CodeMethodNotFound {
			WriteJSON(w, http.StatusNotFound, ErrorResponse(m.ID, err))
			return
		}
		s.answer(w, r, nil, m.ID, result, err)
	}
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
	var version string
	if json.Unmarshal(params.Meta[metaVersion], &version) != nil || params.Meta[metaCapabilities] == nil {
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

// checkParamHeaders checks the mirrored arguments of a tool call: all that are
// annotated, and no others.
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

// argumentText is an argument as it stands in a header; absent and null have none.
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

// decodeHeader undoes the encoding of a mirrored value.
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

// subscription is one subscriptions/listen that is open.
type subscription struct {
	id     json.RawMessage
	filter map[string]bool
	st     *stream
}

// filterOf names the member of the filter that each notification needs.
var filterOf = map[string]string{
	"notifications/tools/list_changed":     "toolsListChanged",
	"notifications/prompts/list_changed":   "promptsListChanged",
	"notifications/resources/list_changed": "resourcesListChanged",
}

func (s *Server) listen(w http.ResponseWriter, r *http.Request, m *Message) {
	var params struct {
		Notifications map[string]bool `json:"notifications"`
	}
	if json.Unmarshal(m.Params, &params) != nil || len(params.Notifications) == 0 {
		WriteError(w, http.StatusBadRequest, m.ID, CodeInvalidParams, "no filter")
		return
	}
	sub := &subscription{id: m.ID, filter: params.Notifications, st: s.newStream(nil)}
	sub.st.append(Notification("notifications/subscriptions/acknowledged", map[string]any{
		"notifications": params.Notifications, "_meta": map[string]any{metaSubscriptionID: m.ID},
	}))
	s.mu.Lock()
	s.subs = append(s.subs, sub)
	s.mu.Unlock()
	defer s.unsubscribe(sub)
	sub.st.follow(w, r, 0)
}

func (s *Server) unsubscribe(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subs = slices.DeleteFunc(s.subs, func(x *subscription) bool { return x == sub })
}

// EndSubscriptions ends every subscription in good order, by its result.
func (s *Server) EndSubscriptions() {
	s.mu.Lock()
	subs := slices.Clone(s.subs)
	s.mu.Unlock()
	for _, sub := range subs {
		sub.st.append(Result(sub.id, map[string]any{"resultType": "complete", "_meta": map[string]any{metaSubscriptionID: sub.id}}))
		sub.st.finish()
	}
}

// Standing returns how many clients listen: open subscriptions of a modern server.
func (s *Server) Standing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.subs)
}

// Tell sends a notification to every client, outside of any call: on the
// standing streams of legacy sessions, on the modern subscriptions that want it.
func (s *Server) Tell(method string, params map[string]any) {
	s.mu.Lock()
	sessions := make([]*session, 0, len(s.sessions))
	for _, sess := range s.sessions {
		sessions = append(sessions, sess)
	}
	subs := slices.Clone(s.subs)
	s.mu.Unlock()
	for _, sess := range sessions {
		if params == nil {
			sess.standing.append(Notification(method, nil))
		} else {
			sess.standing.append(Notification(method, params))
		}
	}
	for _, sub := range subs {
		if sub.filter[filterOf[method]] {
			sub.st.append(Notification(method, map[string]any{"_meta": map[string]any{metaSubscriptionID: sub.id}}))
		}
	}
}

// CutStanding ends the connections of standing streams and subscriptions, by
// an abort or in good order. A legacy stream can be resumed if its events have ids.
func (s *Server) CutStanding(abort bool) {
	s.mu.Lock()
	var streams []*stream
	for _, sess := range s.sessions {
		streams = append(streams, sess.standing)
	}
	for _, sub := range s.subs {
		streams = append(streams, sub.st)
	}
	s.mu.Unlock()
	for _, st := range streams {
		st.cut(abort)
	}
}

// Ask sends a request on the standing streams and returns what was answered first.
func (s *Server) Ask(method string, params any) (*Message, error) {
	s.mu.Lock()
	var standing *stream
	for _, sess := range s.sessions {
		standing = sess.standing
	}
	s.mu.Unlock()
	if standing == nil {
		return nil, errors.New("no session")
	}
	return s.ask(s.ctx, standing, method, params)
}
