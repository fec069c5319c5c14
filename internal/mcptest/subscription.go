package mcptest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Filter selects the notifications of a modern subscription (2026-07-28 schema,
// SubscriptionFilter).
type Filter struct {
	ToolsListChanged      bool     `json:"toolsListChanged,omitempty"`
	PromptsListChanged    bool     `json:"promptsListChanged,omitempty"`
	ResourcesListChanged  bool     `json:"resourcesListChanged,omitempty"`
	ResourceSubscriptions []string `json:"resourceSubscriptions,omitempty"`
}

const resourceUpdated = "notifications/resources/updated"

// wants reports whether a notification passes the filter.
func (f Filter) wants(method string, params map[string]any) bool {
	switch method {
	case "notifications/tools/list_changed":
		return f.ToolsListChanged
	case "notifications/prompts/list_changed":
		return f.PromptsListChanged
	case "notifications/resources/list_changed":
		return f.ResourcesListChanged
	case resourceUpdated:
		return slices.ContainsFunc(f.ResourceSubscriptions, func(uri string) bool { return covers(uri, params) })
	}
	return false
}

// covers reports whether a subscription to a resource receives an update of the resource, or of any
// resource whose URI starts with its URI. Such a prefix also matches resources that are not
// sub-resources, so clients must filter updates.
func covers(subscribed string, params map[string]any) bool {
	uri, ok := params["uri"].(string)
	return ok && strings.HasPrefix(uri, subscribed)
}

// subscription is an open subscriptions/listen.
type subscription struct {
	id     json.RawMessage
	filter Filter // as honored
	st     *stream
	acked  bool // guarded by Server.mu
}

// meta returns the _meta of a message of the subscription, which contains its id.
func (sub *subscription) meta() map[string]any {
	return map[string]any{metaSubscriptionID: sub.id}
}

func (sub *subscription) acknowledgment() []byte {
	return Notification("notifications/subscriptions/acknowledged", map[string]any{"notifications": sub.filter, "_meta": sub.meta()})
}

func (s *Server) listen(w http.ResponseWriter, r *http.Request, m *Message) {
	var params struct {
		Notifications json.RawMessage `json:"notifications"`
	}
	var members map[string]json.RawMessage
	var filter Filter
	if json.Unmarshal(m.Params, &params) != nil || json.Unmarshal(params.Notifications, &members) != nil || len(members) == 0 ||
		json.Unmarshal(params.Notifications, &filter) != nil {
		WriteError(w, http.StatusBadRequest, m.ID, CodeInvalidParams, "no filter")
		return
	}
	if s.Honor != nil {
		filter = s.Honor(filter)
	} else if !s.CanSubscribe {
		filter.ResourceSubscriptions = nil
	}
	sub := &subscription{id: m.ID, filter: filter, st: s.newStream(nil), acked: !s.WithholdAck}
	if sub.acked {
		sub.st.append(sub.acknowledgment())
	}
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

func (s *Server) openSubscriptions() []*subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.subs)
}

// Acknowledge sends the acknowledgments that WithholdAck has withheld.
func (s *Server) Acknowledge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if !sub.acked {
			sub.acked = true
			sub.st.append(sub.acknowledgment())
		}
	}
}

// EndSubscriptions ends every subscription normally, with its result.
func (s *Server) EndSubscriptions() {
	for _, sub := range s.openSubscriptions() {
		sub.st.append(Result(sub.id, map[string]any{"resultType": "complete", "_meta": sub.meta()}))
		sub.st.finish()
	}
}

// CancelSubscriptions ends every subscription with a notifications/cancelled that names it.
func (s *Server) CancelSubscriptions() {
	for _, sub := range s.openSubscriptions() {
		sub.st.append(Notification("notifications/cancelled", map[string]any{"requestId": sub.id, "_meta": sub.meta()}))
		sub.st.finish()
	}
}

// Subscriptions returns the honored filters of the open modern subscriptions, oldest first.
func (s *Server) Subscriptions() []Filter {
	var filters []Filter
	for _, sub := range s.openSubscriptions() {
		f := sub.filter
		f.ResourceSubscriptions = slices.Clone(f.ResourceSubscriptions)
		filters = append(filters, f)
	}
	return filters
}

// SubscriptionCount returns the number of open subscriptions of a modern server.
func (s *Server) SubscriptionCount() int { return len(s.openSubscriptions()) }

// Notify sends a notification to every client, outside of any call: on the shared streams of legacy
// sessions, and on the modern subscriptions that requested it. Updates of the resource at
// params["uri"] are sent only to sessions and subscriptions that have subscribed to it, or to a
// resource whose URI is a prefix of its URI.
func (s *Server) Notify(method string, params map[string]any) {
	s.mu.Lock()
	sessions := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	for _, sess := range sessions {
		switch {
		case method == resourceUpdated && !sess.subscribedTo(params):
		case params == nil:
			sess.shared.append(Notification(method, nil))
		default:
			sess.shared.append(Notification(method, params))
		}
	}
	for _, sub := range s.openSubscriptions() {
		if sub.filter.wants(method, params) {
			sub.st.append(Notification(method, sub.tag(params)))
		}
	}
}

// tag returns params with the subscription's id in _meta.
func (sub *subscription) tag(params map[string]any) map[string]any {
	meta := make(map[string]any)
	if given, ok := params["_meta"].(map[string]any); ok {
		maps.Copy(meta, given)
	}
	maps.Copy(meta, sub.meta())
	tagged := make(map[string]any)
	maps.Copy(tagged, params)
	tagged["_meta"] = meta
	return tagged
}

// CutSharedStreams ends the connections of shared streams and subscriptions. It aborts them if
// abort is true; otherwise it closes them cleanly. A legacy stream can be resumed if its events
// have ids.
func (s *Server) CutSharedStreams(abort bool) {
	s.mu.Lock()
	var streams []*stream
	for _, sess := range s.sessions {
		streams = append(streams, sess.shared)
	}
	for _, sub := range s.subs {
		streams = append(streams, sub.st)
	}
	s.mu.Unlock()
	for _, st := range streams {
		st.cut(abort)
	}
}

// subscribe answers resources/subscribe and resources/unsubscribe of a legacy session.
func (s *Server) subscribe(sess *session, m *Message) *Error {
	if !s.CanSubscribe {
		return &Error{Code: CodeMethodNotFound, Message: "Method not found"}
	}
	var params struct {
		URI string `json:"uri"`
	}
	if err := json.Unmarshal(m.Params, &params); err != nil || params.URI == "" {
		s.violation(m.Method + " without a URI")
		return &Error{Code: CodeInvalidParams, Message: "params"}
	}
	sess.mu.Lock()
	defer sess.mu.Unlock()
	if m.Method == "resources/subscribe" {
		sess.subscribed[params.URI] = true
	} else {
		delete(sess.subscribed, params.URI)
	}
	return nil
}

func (sess *session) subscribedTo(params map[string]any) bool {
	sess.mu.Lock()
	defer sess.mu.Unlock()
	for uri := range sess.subscribed {
		if covers(uri, params) {
			return true
		}
	}
	return false
}

// Subscribed returns the URIs to which the newest legacy session has subscribed, sorted.
func (s *Server) Subscribed() []string {
	sess := s.newest()
	if sess == nil {
		return nil
	}
	sess.mu.Lock()
	defer sess.mu.Unlock()
	return slices.Sorted(maps.Keys(sess.subscribed))
}
