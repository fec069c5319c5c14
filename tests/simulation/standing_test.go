package simulation_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

// outlet is an open stream on which the server tells things on its own: the standing GET of a legacy session, or a
// modern subscription.
type outlet struct {
	w     *writer
	id    string      // of a modern subscription
	queue chan string // what is to be sent; long enough that nobody waits with a lock held
}

func newOutlet(w *writer, id string) *outlet { return &outlet{w, id, make(chan string, 1<<12)} }

// pour sends what is told on an outlet until the client or the world ends its connection.
func (v *visit) pour(o *outlet, head string) {
	if !o.w.write(head) {
		return
	}
	gone := make(chan struct{})
	v.wg.Go(func() {
		defer close(gone)
		var one [1]byte
		_, _ = o.w.c.Read(one[:])
	})
	for {
		select {
		case text := <-o.queue:
			if !o.w.write(text) {
				return
			}
		case <-gone:
			return
		}
	}
}

// serveStanding holds a legacy standing stream open. It ends the one before.
func (v *visit) serveStanding() bool {
	o := newOutlet(v.w, "")
	var head strings.Builder
	fmt.Fprintf(&head, "HTTP/1.1 200 X\r\nContent-Type: %s\r\nConnection: close\r\n\r\n: open\n\n", typeStream)
	v.mu.Lock()
	from := len(v.in.events)
	if v.h.Resumable && strings.HasPrefix(v.cursor, "g") {
		from, _ = strconv.Atoi(v.cursor[1:])
	} else if !v.in.opened {
		from = 0
	}
	for ; v.h.Resumable && from < len(v.in.events); from++ {
		fmt.Fprintf(&head, "id: g%d\ndata: %s\n\n", from+1, v.in.events[from])
	}
	before := v.in.standing
	v.in.standing, v.in.opened = o, true
	v.mu.Unlock()
	if before != nil {
		_ = before.w.c.Close()
	}
	v.pour(o, head.String())
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.in.standing == o {
		v.in.standing = nil
	}
	return false
}

// serveListen is a modern subscription.
func (v *visit) serveListen() bool {
	o := newOutlet(v.w, string(v.m.ID))
	acknowledged := o.event("subscriptions/acknowledged", `"notifications":{"resourceSubscriptions":["r:/x/"],"toolsListChanged":true}`)
	v.mu.Lock()
	v.listening = append(v.listening, o)
	v.mu.Unlock()
	v.pour(o, fmt.Sprintf("HTTP/1.1 200 X\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n%s", typeStream, acknowledged))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.listening = slices.DeleteFunc(v.listening, func(x *outlet) bool { return x == o })
	return false
}

// event is a notification of a modern subscription.
func (o *outlet) event(method, members string) string {
	return chunk(fmt.Sprintf(`data: {"jsonrpc":"2.0","method":"notifications/%s","params":{%s,"_meta":{"io.modelcontextprotocol/subscriptionId":%s}}}`,
		method, members, o.id) + "\n\n")
}

// emit sends a numbered update to subscriptions and a numbered log message to the standing stream.
func (s *server) emit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emits++
	if s.h.Modern {
		s.note(s.j.updated)
		s.j.logf("events", "update %d, %d subscriptions", s.emits, len(s.listening))
		for _, o := range s.listening {
			o.queue <- o.event("resources/updated", fmt.Sprintf(`"uri":"r:/x/%d"`, s.emits))
		}
		return
	}
	in := s.sessions[fmt.Sprintf("session-%d", s.created)]
	if in == nil || !in.opened {
		return
	}
	s.note(s.j.emitted)
	s.note(s.j.updated)
	s.j.logf("events", "message %d, stream open: %v, subscribed: %v", s.emits, in.standing != nil, in.subscribed)
	in.tell(s.h, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":{"seq":%d}}}`, s.emits))
	if in.subscribed {
		in.tell(s.h, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"r:/x/%d"}}`, s.emits))
	}
}

// note notes when the last event was sent. mu is held.
func (s *server) note(at map[int]time.Duration) {
	s.j.mu.Lock()
	defer s.j.mu.Unlock()
	at[s.emits] = s.j.now()
}

// tell sends a message on the standing stream of a session. The server's mu is held.
func (in *session) tell(h *History, text string) {
	in.events = append(in.events, text)
	id := ""
	if h.Resumable {
		id = fmt.Sprintf("id: g%d\n", len(in.events))
	}
	if in.standing != nil {
		in.standing.queue <- id + "data: " + text + "\n\n"
	}
}

// endStanding ends standing streams and subscriptions, in good order or by a reset.
func (s *server) endStanding(reset bool) {
	s.mu.Lock()
	var open []*writer
	for _, o := range s.listening {
		open = append(open, o.w)
	}
	for i := 1; i <= s.created; i++ {
		if in := s.sessions[fmt.Sprintf("session-%d", i)]; in != nil && in.standing != nil {
			open = append(open, in.standing.w)
		}
	}
	s.mu.Unlock()
	for _, w := range open {
		if reset {
			w.c.(*memnet.Conn).Reset()
		} else {
			_ = w.c.Close()
		}
		time.Sleep(1031 * time.Microsecond)
	}
}
