package field

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is an MCP server that follows a script. It answers honestly, as the specification demands,
// where the script gives no answer. It has two tools. Scripts affect calls of "t" but never calls
// of "next", with which a test finds out whether the session still works.
type Server struct {
	era  Era
	base string // origin of the server
	down bool   // the server does not listen
	auth bool   // the endpoint requires the newest token
	done chan struct{}

	mu      sync.Mutex // guards the fields below
	rules   []*rule
	posts   map[string]int // number of requests by kind
	begun   int            // number of sessions so far
	tokens  int            // number of tokens issued
	token   string         // the accepted token; "" means that no token is accepted
	open    bool           // only tools/call requires the token
	call    string         // the honest response to the last call of the tool "t"
	pending chan string    // events for the shared stream
}

// rule holds the answers to the requests of a kind. The n-th request gets the n-th answer.
type rule struct {
	kind    string
	answers []Answer
	forever bool // further requests get the last answer
	seen    int
}

// Exchange is a request to a Server and the reply to it.
type Exchange struct {
	w http.ResponseWriter
	*http.Request

	server *Server
	kind   string // see [Server.classify]
	id     string // ID of the JSON-RPC request; "" for other messages
	method string
	tool   string
	cursor *string
	body   string
}

// Answer writes a reply and returns true. If the answer does not apply to the request, it returns
// false and writes nothing.
type Answer func(x *Exchange) bool

// Script adds rules to a new Server.
type Script func(s *Server)

// NewServer returns the server of a variant of a quirk. base is the origin at which it is reached.
// The caller serves it, and need not close it.
func NewServer(q *Quirk, variant int, era Era, base string) *Server {
	s := &Server{
		era: era, base: base, auth: q.Kind == Authorization,
		done: make(chan struct{}), posts: map[string]int{}, pending: make(chan string, 10),
	}
	if script := q.Scripts[variant]; script != nil {
		script(s)
	}
	return s
}

// Count returns the number of requests of this kind so far.
func (s *Server) Count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts[kind]
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // the client may cut a request; the part that arrived is used
	x := &Exchange{w: w, Request: r, server: s, body: string(body)}
	s.classify(x, body)
	for _, answer := range s.answers(x) {
		if answer(x) {
			return
		}
	}
	if !isEndpoint(r.URL.Path) {
		s.authorize(x)
		return
	}
	s.honest(x)
}

func isEndpoint(path string) bool { return strings.TrimSuffix(path, "/") == "/mcp" }

// classify sets the kind of a request. The first case that applies decides:
//   - a path other than the endpoint: the path
//   - an HTTP method other than POST: that method
//   - a call of the tool "next": "next"
//   - a JSON-RPC response: "response"
//   - any other message: its JSON-RPC method
func (s *Server) classify(x *Exchange, body []byte) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Name   string  `json:"name"`
			Cursor *string `json:"cursor"`
		} `json:"params"`
	}
	_ = json.Unmarshal(body, &m) // m stays zero if the body is not JSON
	x.id, x.method, x.tool, x.cursor = string(m.ID), m.Method, m.Params.Name, m.Params.Cursor
	switch {
	case !isEndpoint(x.URL.Path):
		x.kind = x.URL.Path
	case x.Request.Method != http.MethodPost:
		x.kind = x.Request.Method
	case m.Method == "tools/call" && m.Params.Name == "next":
		x.kind = "next"
	case m.Method == "":
		x.kind = "response"
	default:
		x.kind = m.Method
	}
}

// answers counts the request and returns the answers of the matching rules, in order.
func (s *Server) answers(x *Exchange) []Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts[x.kind]++
	if x.kind == "tools/call" {
		s.call = x.good()
	}
	var found []Answer
	for _, r := range s.rules {
		if !r.matches(x) {
			continue
		}
		if r.seen++; r.seen <= len(r.answers) {
			found = append(found, r.answers[r.seen-1])
		} else if r.forever {
			found = append(found, r.answers[len(r.answers)-1])
		}
	}
	return found
}

func (r *rule) matches(x *Exchange) bool {
	switch r.kind {
	case x.kind:
		return true
	case "*":
		return isEndpoint(x.URL.Path)
	case http.MethodPost:
		return isEndpoint(x.URL.Path) && x.Request.Method == http.MethodPost
	default:
		return false
	}
}

// honest gives the answer that the specification demands.
func (s *Server) honest(x *Exchange) {
	if !s.authorized(x) {
		with("Www-Authenticate", `Bearer resource_metadata="$BASE`+metadataPath+`"`, status(http.StatusUnauthorized))(x)
		return
	}
	known := s.era == Modern || x.method == "initialize" || x.method == "server/discover" || x.Header.Get("Mcp-Session-Id") == s.session()
	switch {
	case !known:
		x.reply(http.StatusNotFound, typeJSON, `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`)
	case x.Request.Method == http.MethodGet && s.era == Legacy:
		s.share(x)
	case x.Request.Method == http.MethodDelete && s.era == Legacy:
		x.reply(http.StatusOK, "", "")
	case x.Request.Method != http.MethodPost:
		x.reply(http.StatusMethodNotAllowed, "", "")
	case x.id == "":
		x.reply(http.StatusAccepted, "", "")
	default:
		if x.method == "initialize" && s.era == Legacy {
			x.w.Header().Set("Mcp-Session-Id", s.newSession())
		}
		x.reply(http.StatusOK, typeJSON, "$OK")
	}
}

// session returns the ID of the newest session.
func (s *Server) session() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("s%d", s.begun)
}

func (s *Server) newSession() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	return fmt.Sprintf("s%d", s.begun)
}

// share serves the shared stream of a legacy session. It sends the events that [tell] queues.
func (s *Server) share(x *Exchange) {
	x.reply(http.StatusOK, typeEvents, "")
	for {
		select {
		case event := <-s.pending:
			x.write(event)
		case <-x.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}

// honestResults are the results of an honest server, by era and method.
var honestResults = map[Era]map[string]string{
	Legacy: {
		"initialize": `{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"logging":{}},"serverInfo":{"name":"f","version":"1"}}`,
		"tools/list": `{"tools":[{"name":"t","inputSchema":{"type":"object"}}]}`,
		"tools/call": `{"content":[{"type":"text","text":"ok"}]}`,
		"ping":       `{}`, "logging/setLevel": `{}`,
	},
	Modern: {
		"server/discover": `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},` +
			`"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"f","version":"1"}}}`,
		"tools/list": `{"resultType":"complete","tools":[{"name":"t","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}`,
		"tools/call": `{"resultType":"complete","content":[{"type":"text","text":"ok"}]}`,
	},
}

// good returns the honest response to the request.
func (x *Exchange) good() string {
	if result, ok := honestResults[x.server.era][x.method]; ok {
		return `{"jsonrpc":"2.0","id":` + x.id + `,"result":` + result + `}`
	}
	return `{"jsonrpc":"2.0","id":` + x.id + `,"error":{"code":-32601,"message":"Method not found"}}`
}

// expand replaces the placeholders in a text:
//   - $ID: the ID of the request
//   - $OK: the honest response to the request
//   - $RESULT: the result in that response
//   - $CALL: the honest response to the last call of the tool "t"
//   - $BASE: the origin of the server
//   - $HOST: the host of the server
//   - $TOKEN: a new token, which the server accepts from then on
func (x *Exchange) expand(text string) string {
	x.server.mu.Lock()
	call := x.server.call
	if strings.Contains(text, "$TOKEN") {
		x.server.tokens++
		x.server.token = fmt.Sprintf("tok%d", x.server.tokens)
	}
	token := x.server.token
	x.server.mu.Unlock()
	return strings.NewReplacer("$ID", x.id, "$OK", x.good(), "$RESULT", honestResults[x.server.era][x.method],
		"$CALL", call, "$BASE", x.server.base, "$HOST", host, "$TOKEN", token).Replace(text)
}

// reply sends a status, a content type and a body. If contentType is "", the reply has no
// Content-Type.
func (x *Exchange) reply(status int, contentType, body string) {
	if header := x.w.Header(); contentType != "" {
		header.Set("Content-Type", contentType)
	} else if _, set := header["Content-Type"]; !set {
		header["Content-Type"] = nil // otherwise net/http guesses the type
	}
	x.w.WriteHeader(status)
	x.write(body)
}

// write sends a part of the body and flushes it.
func (x *Exchange) write(text string) {
	_, _ = io.WriteString(x.w, x.expand(text)) // fails if the client has disconnected
	_ = http.NewResponseController(x.w).Flush()
}

// wait returns after d, or as soon as the client disconnects or the server stops.
func (x *Exchange) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.Context().Done():
	case <-x.server.done:
	}
}

// contains reports whether the body of the request contains a text.
func (x *Exchange) contains(text string) bool { return strings.Contains(x.body, text) }

// header reports whether one of the values of a request header equals value.
func (x *Exchange) header(name, value string) bool {
	return slices.Contains(x.Header.Values(name), value)
}
