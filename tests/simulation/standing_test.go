package simulation_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

// listen is an open modern subscription.
type listen struct {
	w  *writer
	id string
}

// serveStanding holds a legacy standing stream open until its connection ends.
func (v *visit) serveStanding() bool {
	v.mu.Lock()
	from := len(v.in.events)
	if v.h.Resumable && strings.HasPrefix(v.cursor, "g") {
		from, _ = strconv.Atoi(v.cursor[1:])
	} else if v.h.Resumable && !v.in.opened {
		from = 0
	}
	before := v.in.standing
	v.in.standing, v.in.opened = v.w, true
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 200 X\r\nContent-Type: %s\r\nConnection: close\r\n\r\n: open\n\n", typeStream)
	for ; v.h.Resumable && from < len(v.in.events); from++ {
		fmt.Fprintf(&head, "id: g%d\ndata: %s\n\n", from+1, v.in.events[from])
	}
	ok := v.w.write(head.String())
	v.mu.Unlock()
	if before != nil {
		_ = before.c.Close()
	}
	if !ok {
		return false
	}
	v.w.untilClosed()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.in.standing == v.w {
		v.in.standing = nil
	}
	return false
}

// untilClosed waits until the client or the world ends the connection.
func (w *writer) untilClosed() {
	var one [1]byte
	_, _ = w.c.Read(one[:])
}

// serveListen is a modern subscription.
func (v *visit) serveListen() bool {
	l := &listen{w: v.w, id: string(v.m.ID)}
	const filter = `{"resourceSubscriptions":["r:/x/"],"toolsListChanged":true}`
	acknowledged := l.event("subscriptions/acknowledged", `"notifications":`+filter)
	v.mu.Lock()
	ok := v.w.write(fmt.Sprintf("HTTP/1.1 200 X\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n%s", typeStream, acknowledged))
	if ok {
		v.listening = append(v.listening, l)
	}
	v.mu.Unlock()
	if !ok {
		return false
	}
	v.w.untilClosed()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.listening = slices.DeleteFunc(v.listening, func(x *listen) bool { return x == l })
	return false
}

func (l *listen) event(method, members string) string {
	return chunk(fmt.Sprintf(`data: {"jsonrpc":"2.0","method":"notifications/%s","params":{%s,"_meta":{"io.modelcontextprotocol/subscriptionId":%s}}}`,
		method, members, l.id) + "\n\n")
}

// emit sends a numbered update to subscriptions and a numbered log message to the standing stream.
func (s *server) emit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emits++
	number := s.emits
	if s.h.Modern {
		s.note(s.j.updated, number)
		s.j.log("events", "update %d, %d subscriptions", number, len(s.listening))
		for i, l := range s.listening {
			text := l.event("resources/updated", fmt.Sprintf(`"uri":"r:/x/%d"`, number))
			s.wg.Go(func() { // each at an instant of its own
				if s.sleep(time.Duration(i*3+1) * time.Microsecond) {
					l.w.write(text)
				}
			})
		}
		return
	}
	in := s.sessions[fmt.Sprintf("session-%d", s.created)]
	if in == nil || !in.opened {
		return
	}
	s.note(s.j.emitted, number)
	s.j.log("events", "message %d, stream open: %v", number, in.standing != nil)
	s.tell(in, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":{"seq":%d}}}`, number))
	s.note(s.j.updated, number)
	if in.subscribed {
		s.tell(in, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"r:/x/%d"}}`, number))
	}
}

func (s *server) note(at map[int]time.Duration, number int) {
	s.j.mu.Lock()
	defer s.j.mu.Unlock()
	at[number] = s.j.now()
}

// tell sends a message on the standing stream of a session. mu is held.
func (s *server) tell(in *session, text string) {
	in.events = append(in.events, text)
	id := ""
	if s.h.Resumable {
		id = fmt.Sprintf("id: g%d\n", len(in.events))
	}
	if in.standing != nil {
		in.standing.write(id + "data: " + text + "\n\n")
	}
}

// endStanding ends standing streams and subscriptions, in good order or by a reset.
func (s *server) endStanding(reset bool) {
	s.mu.Lock()
	var open []*writer
	for _, l := range s.listening {
		open = append(open, l.w)
	}
	for i := 1; i <= s.created; i++ {
		if in := s.sessions[fmt.Sprintf("session-%d", i)]; in != nil && in.standing != nil {
			open = append(open, in.standing)
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
