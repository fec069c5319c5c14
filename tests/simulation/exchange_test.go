package simulation_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// message is a JSON-RPC message of the client.
type message struct {
	ID     json.RawMessage
	Method string
	Result json.RawMessage
	Error  json.RawMessage
	Params struct {
		Meta struct {
			ProgressToken json.RawMessage
		} `json:"_meta"`
		InputResponses map[string]json.RawMessage
		RequestState   string
	}
}

// exchange is one request to the endpoint and its reply.
type exchange struct {
	*server
	w      *writer
	r      *http.Request
	body   []byte // nil: not read yet
	m      message
	kind   string // kind of request
	op     int    // number of the call, 0 if it does not belong to one
	actor  string // name in the trace
	try    int    // number of requests that this actor has sent so far
	script Reply
	cursor string
	in     *session // the legacy session of the request
}

// kinds maps methods to kinds of requests.
var kinds = map[string]string{
	"initialize": "initialize", "notifications/initialized": "initialized", "server/discover": "discover", "tools/list": "list", "ping": "ping",
	"notifications/cancelled": "cancelled", "tools/call": "call", "subscriptions/listen": "get", "resources/subscribe": "subscribe",
	"resources/unsubscribe": "unsubscribe",
}

// identify determines the kind of request and its script. The order in which calls arrive does not
// matter: a header of each request names its call. Requests that belong to no call are identified
// by their kind.
func (v *exchange) identify() {
	_ = json.Unmarshal(v.body, &v.m) // a body that was not read leaves the message empty
	v.kind = kinds[v.m.Method]
	switch {
	case v.r.Method == http.MethodGet:
		v.kind = "get"
	case v.r.Method == http.MethodDelete:
		v.kind = "delete"
	case v.m.Method == "" && v.m.ID != nil:
		v.kind = "answer"
	case v.body == nil:
		v.kind = "early"
	}
	v.cursor = v.r.Header.Get("Last-Event-ID")
	n, _ := strconv.Atoi(v.r.Header.Get(opHeader))
	var scripts []Reply
	switch {
	case v.kind == "get" && strings.HasPrefix(v.cursor, "s"):
		name, _, _ := strings.Cut(v.cursor[1:], ".")
		v.op, _ = strconv.Atoi(name)
		v.kind, v.actor = "resume", "resume#"+name
		if o := v.h.op(v.op); o != nil {
			scripts = o.Resumes
		}
	case v.kind == "answer":
		v.actor = "answer " + string(v.m.ID)
	case n > 0 && v.kind != "cancelled":
		v.op, v.actor = n, fmt.Sprintf("server#%d", n)
		if o := v.h.op(n); o != nil {
			scripts = o.Replies
		}
	default:
		v.actor, scripts = v.kind, v.h.Other[v.kind]
	}
	if v.try = v.next(v.actor); v.try <= len(scripts) && !v.isGood() {
		v.script = scripts[v.try-1]
	}
}

// handle answers the request. It returns false if the server must close the connection.
func (v *exchange) handle() bool {
	if strings.HasPrefix(v.r.URL.Path, "/.well-known/oauth-protected-resource") {
		return v.metadata()
	}
	v.identify()
	v.mu.Lock()
	if v.h.Way != wayHTTP2 { // over HTTP/2 the gateway records it
		v.lastOn[v.w.c.RemoteAddr().String()] = fmt.Sprintf("%s %03d", v.actor, v.try)
	}
	v.busy[v] = true
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.busy, v)
	}()
	v.j.logf(v.actor, "%s %s, try %d, cursor %q: %v", v.r.Method, v.m.Method, v.try, v.cursor, v.script)
	if v.op > 0 && v.kind != "resume" {
		v.j.alive(v.op)
	}
	v.count()
	if !v.sleep(v.script.Wait.D() + v.moment()) {
		return false
	}
	v.w.cut, v.w.by = v.script.Cut, v.script.CutBy
	if v.h.Auth && !v.auth.accepts(v.r) {
		v.j.logf(v.actor, "no valid token")
		if v.r.Method == http.MethodGet {
			v.j.denied.Store(true)
		}
		return v.refuse(401, v.auth.challenge(), "", "")
	}
	if v.r.Method == http.MethodGet {
		v.j.denied.Store(false)
	}
	if !v.h.Modern && v.kind != "initialize" && v.kind != "discover" && !v.knowsSession() {
		return v.lost()
	}
	if v.script.Close > 0 {
		defer time.AfterFunc(v.script.Close.D(), func() { _ = v.w.c.Close() })
	}
	if v.isProper() {
		return v.proper()
	}
	return v.scripted()
}

// count counts the request for the summary.
func (v *exchange) count() {
	v.j.count("requests")
	if v.script.faulty() {
		v.j.count("faulty replies")
	}
	if v.kind == "resume" {
		v.j.count("resumed streams")
	}
}

// isProper reports whether to answer without a fault. Some scripted replies only decide whether a
// shared stream or a session opens: if it opens, it has no fault.
func (v *exchange) isProper() bool {
	switch v.script.How {
	case "":
		return true
	case "status", "redirect", "reset", "eof", "hang":
		return false
	}
	return v.kind == "get" || v.kind == "initialize" && v.script.answers() && v.script.Code == 0
}

// moment returns a short delay that differs between calls and tries. It keeps their actions at
// different instants, which makes runs reproducible.
func (v *exchange) moment() time.Duration {
	return time.Duration(v.op*7+v.try+100) * time.Microsecond
}
