package mcptest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// stream is a log of events. Connections follow it; after a cut, the client can resume it.
type stream struct {
	s    *Server
	name string // prefix of its event ids; "" without ids

	mu      sync.Mutex
	events  []string // as text, without the id
	done    bool
	readers int           // number of connections that follow the stream
	cuts    int           // number of cuts that took effect on connections
	early   bool          // a cut happened while no connection followed; it applies to the next one
	abort   bool          // the last cut aborted the connection
	changed chan struct{} // closed at the next change
}

func (s *Server) newStream(sess *session) *stream {
	st := &stream{s: s, changed: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams++
	if s.EventIDs && s.Era == Legacy && sess != nil {
		st.name = fmt.Sprintf("stream%d", s.streams)
		sess.streams[st.name] = st
	}
	return st
}

// change applies f and wakes the connections that follow the stream.
func (st *stream) change(f func()) {
	st.mu.Lock()
	defer st.mu.Unlock()
	f()
	close(st.changed)
	st.changed = make(chan struct{})
}

// start writes the start of a stream.
func (st *stream) start() {
	if st.s.Prime && st.name != "" {
		st.raw("data: \n\n")
	}
}

// append adds a message.
func (st *stream) append(message []byte) {
	st.raw("data: " + strings.ReplaceAll(string(message), "\n", "\ndata: ") + "\n\n")
}

// raw adds the text of one event.
func (st *stream) raw(text string) { st.change(func() { st.events = append(st.events, text) }) }

func (st *stream) finish() { st.change(func() { st.done = true }) }

// cut ends the connections that follow the stream. If no connection follows it, cut ends the next
// one. It aborts connections if abort is true; otherwise it closes them cleanly. The stream
// continues.
func (st *stream) cut(abort bool) {
	st.change(func() {
		st.abort = abort
		if st.readers == 0 {
			st.early = true
			return
		}
		st.cuts++
	})
}

// join registers a connection. It returns the number of earlier cuts, which do not affect the
// connection.
func (st *stream) join() (cuts int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.readers++
	cuts = st.cuts
	if st.early {
		st.early = false
		st.cuts++
	}
	return cuts
}

func (st *stream) leave() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.readers--
}

// follow writes events to a connection, beginning at an index, until the stream is done or cut or
// the client disconnects. Before a cut takes effect, it writes all events added before the cut.
func (st *stream) follow(w http.ResponseWriter, r *http.Request, from int) {
	StartSSE(w)
	if st.s.RetryField != "" {
		WriteRaw(w, "retry: "+st.s.RetryField+"\n\n")
	}
	cuts := st.join()
	defer st.leave()
	for {
		st.mu.Lock()
		events, done, cut, abort, changed := st.events[max(0, min(from, len(st.events))):], st.done, st.cuts != cuts, st.abort, st.changed
		st.mu.Unlock()
		for _, text := range events {
			from++
			if st.name != "" {
				text = fmt.Sprintf("id: %s-%d\n%s", st.name, from, text)
			}
			WriteRaw(w, text)
		}
		switch {
		case cut && abort:
			panic(http.ErrAbortHandler)
		case cut || (done && !st.s.HoldStreams):
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-st.s.ctx.Done():
			panic(http.ErrAbortHandler)
		}
	}
}

// place parses an event id of the server. It returns the name of the stream and the number of
// events up to this one.
func place(eventID string) (name string, index int, ok bool) {
	name, number, ok := strings.Cut(eventID, "-")
	if !ok {
		return "", 0, false
	}
	index, err := strconv.Atoi(number)
	return name, index, err == nil
}
