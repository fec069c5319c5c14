package main

import (
	"bufio"
	"bytes"
	"encoding/json"
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
)

// world is the process with the servers. Each server has an address of its own. All of them share
// their sessions, which the clients cannot notice.
type world struct {
	addrs   []string
	running []*http.Server

	mu       sync.Mutex
	began    time.Time           // guarded by mu: of the count
	sessions map[string]struct{} // guarded by mu
	last     int                 // guarded by mu: the number of the last session
	counted  counts              // guarded by mu
	tools    []byte              // guarded by mu: the answer to tools/list
	ran      map[string]int      // guarded by mu: executions of tool calls, by their arguments

	open atomic.Int64 // streams
}

// counts is what the servers have seen since the count began.
type counts struct {
	Requests    int             `json:"requests"`    // every HTTP request
	By          map[string]int  `json:"by"`          // the same by kind
	Initializes []time.Duration `json:"initializes"` // when each initialize arrived
	Streams     []time.Duration `json:"streams"`     // when each stream was accepted
}

// serve runs servers until its input ends. It prints their addresses and then obeys its input, a
// command a line: see world.obey.
func serve(servers int, in io.Reader, out io.Writer) error {
	w := &world{sessions: make(map[string]struct{}), ran: make(map[string]int), addrs: make([]string, servers)}
	w.reset()
	for i := range w.addrs {
		w.addrs[i] = "127.0.0.1:0"
	}
	if err := w.start(); err != nil {
		return err
	}
	defer w.stop()
	reply := json.NewEncoder(out)
	if err := reply.Encode(w.addrs); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := w.obey(lines.Text(), reply); err != nil {
			return err
		}
	}
	return lines.Err()
}

// obey runs one command and replies. "open" replies with the number of open streams, "count" with the
// counts, "ran" with what tool calls ran. "restart DURATION" closes all connections, forgets all sessions and refuses connections
// for the duration; "tools N" changes the list of tools. Both reply with the argument.
func (w *world) obey(command string, reply *json.Encoder) error {
	verb, argument, _ := strings.Cut(command, " ")
	switch verb {
	case "open":
		return reply.Encode(w.open.Load())
	case "count":
		return reply.Encode(w.counts())
	case "ran":
		return reply.Encode(w.executions())
	case "restart":
		down, err := time.ParseDuration(argument)
		if err != nil {
			return err
		}
		w.stop()
		time.Sleep(down)
		w.reset()
		if err := w.start(); err != nil {
			return err
		}
	case "tools":
		n, err := strconv.Atoi(argument)
		if err != nil {
			return err
		}
		list := toolList(n)
		w.mu.Lock()
		w.tools = list
		w.mu.Unlock()
	}
	return reply.Encode(argument)
}

func (w *world) start() error {
	w.running = nil
	for i, addr := range w.addrs {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		w.addrs[i] = l.Addr().String()
		srv := &http.Server{Handler: w, ReadHeaderTimeout: time.Minute}
		w.running = append(w.running, srv)
		go func() { _ = srv.Serve(l) }()
	}
	return nil
}

func (w *world) stop() {
	for _, srv := range w.running {
		_ = srv.Close()
	}
}

// reset forgets all sessions and begins the count.
func (w *world) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.sessions)
	w.began, w.counted = time.Now(), counts{By: make(map[string]int)}
}

func (w *world) counts() counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counted
	c.By, c.Initializes, c.Streams = maps.Clone(c.By), slices.Clone(c.Initializes), slices.Clone(c.Streams)
	return c
}

// executions is what tool calls ran since the last time it was asked for.
type executions struct {
	Calls int `json:"calls"` // with different arguments
	Twice int `json:"twice"` // those of them that ran more than once
}

// execute counts an execution of the tool call with these arguments.
func (w *world) execute(arguments string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ran[arguments]++
}

func (w *world) executions() executions {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := executions{Calls: len(w.ran)}
	for _, times := range w.ran {
		if times > 1 {
			e.Twice++
		}
	}
	clear(w.ran)
	return e
}

const (
	legacyVersion = "2025-11-25"
	modernVersion = "2026-07-28"
)

// note counts a request and reports whether its session is known.
func (w *world) note(kind, session string) (known bool, tools []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, known = w.sessions[session]
	if !known && session != "" {
		kind += " (404)"
	}
	w.counted.Requests++
	w.counted.By[kind]++
	return known, w.tools
}

// ServeHTTP implements http.Handler. It is a server of both eras with tools/list and a stream.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var (
		body []byte
		msg  struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params struct {
				Arguments json.RawMessage `json:"arguments"`
			} `json:"params"`
		}
	)
	kind := r.Method
	if r.Method == http.MethodPost {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil || json.Unmarshal(body, &msg) != nil {
			http.Error(rw, "not JSON-RPC", http.StatusBadRequest)
			return
		}
		kind = msg.Method
	}
	modern := r.Header.Get("Mcp-Protocol-Version") == modernVersion
	known, tools := w.note(kind, r.Header.Get("Mcp-Session-Id"))
	switch {
	case kind == "server/discover":
		answer(rw, msg.ID, `{"resultType":"complete","supportedVersions":["`+modernVersion+`"],"capabilities":{"tools":{"listChanged":true}}}`)
	case kind == "initialize":
		rw.Header().Set("Mcp-Session-Id", w.newSession())
		answer(rw, msg.ID, `{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"scale","version":"1"}}`)
	case !known && !modern:
		http.Error(rw, "session not found", http.StatusNotFound)
	case kind == http.MethodGet:
		w.stream(rw, r, "")
	case kind == "subscriptions/listen":
		w.stream(rw, r, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{`+
			`"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/subscriptionId":%s}}}`, msg.ID))
	case kind == "ping":
		answer(rw, msg.ID, `{}`)
	case kind == "tools/list":
		answer(rw, msg.ID, string(tools))
	case kind == "tools/call":
		w.execute(string(msg.Params.Arguments))
		answer(rw, msg.ID, `{"resultType":"complete","content":[{"type":"text","text":"done"}]}`)
	default: // a notification, or DELETE
		rw.WriteHeader(http.StatusAccepted)
	}
}

func answer(rw http.ResponseWriter, id []byte, result string) {
	rw.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(rw, `{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
}

func (w *world) newSession() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	id := fmt.Sprintf("session-%d", w.last)
	w.sessions[id] = struct{}{}
	w.counted.Initializes = append(w.counted.Initializes, time.Since(w.began))
	return id
}

// stream holds a stream open until its connection ends. first is its first message, "" for none.
func (w *world) stream(rw http.ResponseWriter, r *http.Request, first string) {
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.WriteHeader(http.StatusOK)
	if first != "" {
		_, _ = fmt.Fprintf(rw, "data: %s\n\n", first)
	}
	if http.NewResponseController(rw).Flush() != nil {
		return
	}
	w.mu.Lock()
	w.counted.Streams = append(w.counted.Streams, time.Since(w.began))
	w.mu.Unlock()
	w.open.Add(1)
	<-r.Context().Done()
	w.open.Add(-1)
}

// toolList returns the result of tools/list with n tools.
func toolList(n int) []byte {
	var list bytes.Buffer
	list.WriteString(`{"resultType":"complete","tools":[`)
	for i := range n {
		if i > 0 {
			list.WriteByte(',')
		}
		fmt.Fprintf(&list, `{"name":"tool_%d","description":"Searches the index number %d.",`+
			`"inputSchema":{"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer"}},"required":["query"]}}`, i, i)
	}
	list.WriteString(`]}`)
	return list.Bytes()
}

// asServer is set in the process with the servers.
const asServer = "HAWSER_SCALE_SERVERS"

func runAsServer(servers string) error {
	n, err := strconv.Atoi(servers)
	if err != nil {
		return err
	}
	return serve(n, os.Stdin, os.Stdout)
}
