package simulation_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

const (
	endpoint      = "http://127.0.0.1/mcp"
	endpointAddr  = "127.0.0.1:80"
	foreignAddr   = "127.0.0.2:80"
	opHeader      = "X-Op" // how a script finds its call
	secretHeader  = "X-Api-Key"
	typeJSON      = "application/json"
	typeStream    = "text/event-stream"
	modernVersion = "2026-07-28"
)

// server is an honest MCP server of either era, with the gateways in front of it. It speaks raw HTTP/1.1, so that it
// can send any bytes, and follows the history.
type server struct {
	h    *History
	j    *Journal
	net  *memnet.Network
	done chan struct{} // closed: everything ends
	good chan struct{} // closed: no more faults
	wg   sync.WaitGroup
	auth *authServer

	resetNext atomic.Bool // the next connection is reset

	mu        sync.Mutex // guards the rest
	sessions  map[string]*session
	created   int
	seen      map[string]int       // requests by actor
	streams   map[string]kept      // events of streams that can be resumed, by name
	questions map[string]*question // put to the client; closed once answered
	listening []*outlet            // open modern subscriptions
	emits     int
	busy      map[*visit]bool   // requests that are not answered yet
	lastOn    map[string]string // by the client's address of a connection: whose request came last on it
}

func newServer(h *History, j *Journal, n *memnet.Network) *server {
	s := &server{
		h: h, j: j, net: n, done: make(chan struct{}), good: make(chan struct{}),
		sessions: map[string]*session{}, seen: map[string]int{}, streams: map[string]kept{}, questions: map[string]*question{},
		lastOn: map[string]string{}, busy: map[*visit]bool{},
	}
	s.auth = newAuthServer(s)
	s.listen(endpointAddr, s.serve)
	s.listen(foreignAddr, s.serveForeign)
	s.listen(authAddr, s.auth.serve)
	return s
}

// listen accepts connections at an address until the run is over.
func (s *server) listen(addr string, serve func(c net.Conn)) {
	ln := s.net.Listen(addr)
	s.wg.Go(func() {
		<-s.done
		_ = ln.Close()
	})
	s.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
}

// serve answers the requests of one connection to the endpoint.
func (s *server) serve(c net.Conn) {
	if s.resetNext.Swap(false) {
		time.Sleep(10 * time.Microsecond) // not at the instant of the dial
		c.(*memnet.Conn).Reset()
		return
	}
	buffered := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(buffered)
		if err != nil {
			return
		}
		v := &visit{server: s, w: &writer{c: c, s: s}, r: r}
		if s.early(r) {
			if !v.handle() {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			continue
		}
		if v.body, err = io.ReadAll(r.Body); err != nil || !v.handle() {
			return
		}
	}
}

// serveForeign is another origin, to which the client must send nothing.
func (s *server) serveForeign(c net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	for _, name := range []string{"Authorization", secretHeader, "Mcp-Session-Id", opHeader} {
		if r.Header.Get(name) != "" {
			s.j.breachf("secret at a foreign origin", 0, "%s %s with %s", r.Method, r.URL, name)
		}
	}
	_, _ = io.WriteString(c, plain(404, "", "", ""))
}

// early reports whether a call is to be answered before its body is read.
func (s *server) early(r *http.Request) bool {
	n, _ := strconv.Atoi(r.Header.Get(opHeader))
	o := s.h.op(n)
	if o == nil || s.isGood() || r.Method != http.MethodPost {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.seen[fmt.Sprintf("server#%d", n)]
	return k < len(o.Replies) && o.Replies[k].Early
}

func (s *server) isGood() bool {
	select {
	case <-s.good:
		return true
	default:
		return false
	}
}

// next counts the requests of an actor.
func (s *server) next(actor string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[actor]++
	return s.seen[actor]
}

// sleep waits, and reports whether the run goes on.
func (s *server) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done:
		return false
	}
}

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

// visit is one request to the endpoint.
type visit struct {
	*server
	w      *writer
	r      *http.Request
	body   []byte // nil: not read
	m      message
	kind   string // what it is
	op     int    // the call it belongs to; 0: none
	actor  string // of the trace and of the script
	try    int    // how many requests of the actor came so far
	script Reply
	cursor string
	in     *session // legacy: the session it belongs to
}

var kinds = map[string]string{
	"initialize": "initialize", "notifications/initialized": "initialized", "server/discover": "discover", "tools/list": "list", "ping": "ping",
	"notifications/cancelled": "cancelled", "tools/call": "call", "subscriptions/listen": "get", "resources/subscribe": "subscribe",
	"resources/unsubscribe": "unsubscribe",
}

// identify finds out what the request is, and its script. A script does not depend on who comes first: calls are
// found by a header, the session's own requests by their kind.
func (v *visit) identify() {
	_ = json.Unmarshal(v.body, &v.m) // a body that was not read has no message
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

// handle answers the request, and reports whether the connection can go on.
func (v *visit) handle() bool {
	if strings.HasPrefix(v.r.URL.Path, "/.well-known/oauth-protected-resource") {
		return v.metadata()
	}
	v.identify()
	v.mu.Lock()
	v.lastOn[v.w.c.RemoteAddr().String()] = fmt.Sprintf("%s %03d", v.actor, v.try)
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
		return v.refuse(401, v.auth.challenge(), "", "")
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

// count counts the request.
func (v *visit) count() {
	v.j.count("requests")
	if v.script.faulty() {
		v.j.count("faulty replies")
	}
	if v.kind == "resume" {
		v.j.count("resumed streams")
	}
}

// isProper reports whether the request is answered as on a good day: a stream or a session that is opened at all is.
func (v *visit) isProper() bool {
	switch v.script.How {
	case "":
		return true
	case "status", "redirect", "reset", "eof", "hang":
		return false
	}
	return v.kind == "get" || v.kind == "initialize" && v.script.answers() && v.script.Code == 0
}

// open returns the requests to which the client still waits for an answer: its end of the connection is open.
func (s *server) open() []string {
	s.mu.Lock()
	visits := slices.Collect(maps.Keys(s.busy))
	s.mu.Unlock()
	var open []string
	for _, v := range visits {
		var one [1]byte
		_ = v.w.c.SetReadDeadline(time.Now().Add(ms))
		if _, err := v.w.c.Read(one[:]); errors.Is(err, os.ErrDeadlineExceeded) && !v.w.silent.Load() {
			open = append(open, v.actor)
		}
	}
	slices.Sort(open)
	return open
}

// moment keeps what different actors do at different instants.
func (v *visit) moment() time.Duration {
	return time.Duration(v.op*7+v.try+100) * time.Microsecond
}

// refuse answers with a status.
func (v *visit) refuse(status int, header, contentType, body string) bool {
	return v.say(Reply{How: "status", Status: status}, plain(status, header, contentType, body))
}

// say sends a whole reply, and notes what it means to the call as far as it is sent.
func (v *visit) say(r Reply, text string) bool {
	head := strings.Index(text, "\r\n\r\n") + 4
	sent := func(length int) bool { return v.w.cut == 0 || v.w.cut >= length }
	if v.op > 0 && v.kind != "resume" {
		v.j.said(v.op, sent(head) && r.final(), sent(len(text)) && r.answers())
	}
	return v.w.write(text)
}

func plain(status int, header, contentType, body string) string {
	if header != "" {
		header += "\r\n"
	}
	if contentType != "" {
		header += "Content-Type: " + contentType + "\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %03d X\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

// writer sends a reply, and breaks it off after some bytes.
type writer struct {
	c    net.Conn
	s    *server
	sent int
	cut  int // 0: never
	by   string

	silent atomic.Bool // what the client does is not seen
}

func (w *writer) write(text string) bool {
	if w.cut == 0 || w.sent+len(text) < w.cut {
		n, err := io.WriteString(w.c, text)
		w.sent += n
		return err == nil
	}
	_, _ = io.WriteString(w.c, text[:max(w.cut-w.sent, 0)])
	switch w.by {
	case "reset":
		w.s.sleep(time.Microsecond) // what was written arrives
		w.c.(*memnet.Conn).Reset()
	case "silence":
		w.silence()
	}
	return false
}

// silence loses everything from now on; it does not show any more whether the client waits.
func (w *writer) silence() {
	w.silent.Store(true)
	w.c.(*memnet.Conn).Silence()
}
