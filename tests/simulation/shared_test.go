package simulation_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

// sharedStream is an open stream of the session: the shared stream of a legacy session, or a modern
// subscription.
type sharedStream struct {
	w     *writer
	id    string      // request id of a modern subscription
	queue chan string // messages to send; long enough that senders never block while they hold a lock
}

func newSharedStream(w *writer, id string) *sharedStream {
	return &sharedStream{w, id, make(chan string, 1<<12)}
}

// sendQueued sends the messages of a shared stream until the client closes the connection or the
// run ends.
func (v *exchange) sendQueued(o *sharedStream, head string) {
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

// serveShared serves the shared stream of a legacy session. It ends the previous one.
func (v *exchange) serveShared() bool {
	o := newSharedStream(v.w, "")
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
	before := v.in.shared
	v.in.shared, v.in.opened = o, true
	v.mu.Unlock()
	if before != nil {
		_ = before.w.c.Close()
	}
	v.sendQueued(o, head.String())
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.in.shared == o {
		v.in.shared = nil
	}
	return false
}

// serveSubscription serves a modern subscription.
func (v *exchange) serveSubscription() bool {
	o := newSharedStream(v.w, string(v.m.ID))
	acknowledged := o.event("subscriptions/acknowledged", `"notifications":{"resourceSubscriptions":["r:/x/"],"toolsListChanged":true}`)
	v.mu.Lock()
	v.listening = append(v.listening, o)
	v.mu.Unlock()
	v.sendQueued(o, fmt.Sprintf("HTTP/1.1 200 X\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n%s", typeStream, acknowledged))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.listening = slices.DeleteFunc(v.listening, func(x *sharedStream) bool { return x == o })
	return false
}

// event returns a notification of a modern subscription.
func (o *sharedStream) event(method, members string) string {
	return chunk(fmt.Sprintf(`data: {"jsonrpc":"2.0","method":"notifications/%s","params":{%s,"_meta":{"io.modelcontextprotocol/subscriptionId":%s}}}`,
		method, members, o.id) + "\n\n")
}

// emit sends a numbered update to the subscriptions and a numbered log message on the shared
// stream.
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
	if in.shared != nil || !s.j.denied.Load() { // otherwise the client is notified only when the stream reopens, which needs a token first
		s.note(s.j.emitted)
		s.note(s.j.updated)
	}
	s.j.logf("events", "message %d, stream open: %v, subscribed: %v", s.emits, in.shared != nil, in.subscribed)
	in.send(s.h, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":{"seq":%d}}}`, s.emits))
	if in.subscribed {
		in.send(s.h, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"r:/x/%d"}}`, s.emits))
	}
}

// note records in at that the latest event is sent now. The caller holds s.mu.
func (s *server) note(at map[int]time.Duration) {
	s.j.mu.Lock()
	defer s.j.mu.Unlock()
	at[s.emits] = s.j.now()
}

// send queues a message for the shared stream of a session, if it is open. The caller holds the
// server's mu.
func (in *session) send(h *History, text string) {
	in.events = append(in.events, text)
	id := ""
	if h.Resumable {
		id = fmt.Sprintf("id: g%d\n", len(in.events))
	}
	if in.shared != nil {
		in.shared.queue <- id + "data: " + text + "\n\n"
	}
}

// endShared ends shared streams and subscriptions, by closing or resetting their connections.
func (s *server) endShared(reset bool) {
	s.mu.Lock()
	var open []*writer
	for _, o := range s.listening {
		open = append(open, o.w)
	}
	for i := 1; i <= s.created; i++ {
		if in := s.sessions[fmt.Sprintf("session-%d", i)]; in != nil && in.shared != nil {
			open = append(open, in.shared.w)
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
