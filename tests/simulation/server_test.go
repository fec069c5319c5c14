package simulation_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

const (
	endpoint      = "http://127.0.0.1/mcp"
	endpointAddr  = "127.0.0.1:80"
	foreignAddr   = "127.0.0.2:80"
	opHeader      = "X-Op" // header that names the call of a request, which selects the script
	secretHeader  = "X-Api-Key"
	typeJSON      = "application/json"
	typeStream    = "text/event-stream"
	modernVersion = "2026-07-28"
)

// server plays an honest MCP server of either era and the gateways in front of it, as the history
// prescribes. It writes HTTP/1.1 itself, so it can send any bytes.
type server struct {
	h    *History
	j    *Journal
	done chan struct{} // closed when the run is over
	good chan struct{} // closed when faults end
	wg   sync.WaitGroup
	auth *authServer

	resetNext atomic.Bool // the next connection is reset

	mu           sync.Mutex // guards the fields below
	sessions     map[string]*session
	created      int
	seen         map[string]int          // number of requests by actor
	streams      map[string]kept         // events of resumable streams, by name
	elicitations map[string]*elicitation // elicitations sent to the client, by id
	listening    []*sharedStream         // open modern subscriptions
	emits        int
	busy         map[*exchange]bool // requests without a complete answer
	lastOn       map[string]string  // the request that last used a connection, by the client's address
}

// newServer serves the endpoint on one network and all other addresses on another.
func newServer(h *History, j *Journal, n, endpoints *memnet.Network) *server {
	s := &server{
		h: h, j: j, done: make(chan struct{}), good: make(chan struct{}),
		sessions: map[string]*session{}, seen: map[string]int{}, streams: map[string]kept{}, elicitations: map[string]*elicitation{},
		lastOn: map[string]string{}, busy: map[*exchange]bool{},
	}
	s.auth = newAuthServer(s)
	s.listen(endpoints, endpointAddr, s.serve)
	s.listen(n, foreignAddr, s.serveForeign)
	s.listen(n, authAddr, s.auth.serve)
	return s
}

// listen accepts connections at an address until the run is over.
func (s *server) listen(n *memnet.Network, addr string, serve func(c net.Conn)) {
	ln := n.Listen(addr)
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
	if s.h.Way != wayHTTP2 && s.resetNext.Swap(false) {
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
		v := &exchange{server: s, w: &writer{c: c, s: s}, r: r}
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

// serveForeign serves another origin. It reports a breach if a request carries a secret.
func (s *server) serveForeign(c net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	for _, name := range []string{"Authorization", secretHeader, "Mcp-Session-Id", opHeader} {
		if r.Header.Get(name) != "" {
			s.j.breachf("secret sent to a foreign origin", 0, "%s %s with %s", r.Method, r.URL, name)
		}
	}
	_, _ = io.WriteString(c, plain(404, "", "", ""))
}

// early reports whether to answer a call before reading its body.
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

// next counts a request of an actor and returns the number of its requests so far.
func (s *server) next(actor string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[actor]++
	return s.seen[actor]
}

// sleep pauses for d. It returns false if the run ends before.
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

// open returns the actors of the requests whose answer the client still awaits. For these, the
// client's end of the connection is still open.
func (s *server) open() []string {
	s.mu.Lock()
	exchanges := slices.Collect(maps.Keys(s.busy))
	s.mu.Unlock()
	var open []string
	for _, v := range exchanges {
		var one [1]byte
		_ = v.w.c.SetReadDeadline(time.Now().Add(ms))
		if _, err := v.w.c.Read(one[:]); errors.Is(err, os.ErrDeadlineExceeded) && !v.w.silent.Load() {
			open = append(open, v.actor)
		}
	}
	slices.Sort(open)
	return open
}
