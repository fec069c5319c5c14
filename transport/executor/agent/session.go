package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
)

// Serve serves one link and closes it. It returns nil if the client ends the link, and the cause of
// ctx if ctx ends. It returns another error if the client violates the protocol in a way that
// cannot be answered, or if its link was ended because of [Options.Budget] or MessageTimeout. When
// it returns, all exchanges of the link have ended, including their goroutines and their
// connections to servers. opts may be nil.
func Serve(ctx context.Context, link Link, opts *Options) error {
	c, err := newConfig(opts)
	if err != nil {
		_ = link.Close()
		return err
	}
	return c.serveOne(ctx, link)
}

// serveOne serves the only link of a config.
func (c *config) serveOne(ctx context.Context, link Link) error {
	defer c.direct.Close()
	a, err := c.Budget.open()
	if err != nil {
		_ = link.Close()
		return fmt.Errorf("serving a link: %w", err)
	}
	return c.serve(ctx, link, a, max(c.HandshakeTimeout, 0))
}

// session is one link and its exchanges.
type session struct {
	c       *config
	link    Link
	account *account
	log     *slog.Logger
	ctx     context.Context         // ends with the link; its cause says why
	end     context.CancelCauseFunc // ends ctx
	writing chan struct{}           // full while messages are being sent

	// Used only by the goroutine that filled writing.
	batch    []*frame
	messages [][]byte

	// Used only by the reader.
	state     state
	handshake *time.Timer // may be nil
	message   execproto.Message
	copied    int64 // what counts for copies of parts of message

	slots     slots
	exchanges sync.WaitGroup
}

// state is the progress of the handshake.
type state uint8

const (
	begun       state = iota
	initialized       // initialize was answered
	ready             // the client sent initialized
)

var errHandshakeTimeout = errors.New("timeout: handshake not finished")

// serve serves one link and closes its account. timeout bounds its handshake; 0 means no bound.
func (c *config) serve(ctx context.Context, link Link, a *account, timeout time.Duration) error {
	s := &session{c: c, link: link, account: a, log: c.Logger, writing: make(chan struct{}, 1)}
	s.slots.init(c.Concurrent, c.MaxExchanges)
	s.ctx, s.end = context.WithCancelCause(ctx)
	a.register(s.end)
	closed := make(chan struct{})
	stop := context.AfterFunc(s.ctx, func() {
		_ = link.Close() // ends a Send and a Receive in progress
		close(closed)
	})
	if timeout > 0 {
		s.handshake = time.AfterFunc(timeout, func() { s.end(errHandshakeTimeout) })
		defer s.handshake.Stop()
	}
	s.end(s.read()) // aborts every exchange
	if stop() {
		_ = link.Close()
	} else {
		<-closed
	}
	s.exchanges.Wait()
	a.close(c.MaxExchanges - s.slots.room)
	if err := context.Cause(s.ctx); err != io.EOF {
		return fmt.Errorf("serving a link: %w", err)
	}
	return nil
}

const (
	maxRawID    = 256 // of a request's ID, which its answer repeats, in bytes
	maxEchoName = 64  // of a quoted method name, in bytes
)

// handle handles one message. It ignores unknown notifications. It also ignores responses, because
// the agent sends no requests.
func (s *session) handle(m *execproto.Message) {
	switch {
	case m.Kind == execproto.Notification && m.Method == execproto.MethodInitialized && s.state == initialized:
		s.state = ready
		if s.handshake != nil {
			s.handshake.Stop()
		}
	case m.Kind != execproto.Request:
	case len(m.RawID) > maxRawID:
		s.failNobody("the id of a request is too long")
	default:
		s.request(m)
	}
}

func (s *session) request(m *execproto.Message) {
	switch m.Method {
	case execproto.MethodInitialize:
		s.initialize(m)
	case execproto.MethodEnvironmentInfo:
		if s.isReady(m, "environment") {
			s.answer(m.RawID, s.environment())
		}
	case execproto.MethodEnvironmentStatus:
		if s.isReady(m, "environment") {
			s.answer(m.RawID, []byte(`{"status":"ready"}`))
		}
	case execproto.MethodHTTPRequest:
		if s.isReady(m, "http") {
			s.httpRequest(m)
		}
	default:
		s.fail(m.RawID, &failure{
			code: execproto.CodeUnknownMethod,
			text: fmt.Sprintf("the executor does not implement %.*q", maxEchoName, m.Method),
		})
	}
}

// isReady reports whether the handshake is complete. If it is not, isReady refuses the request.
func (s *session) isReady(m *execproto.Message, family string) bool {
	text := ""
	switch s.state {
	case begun:
		text = "client must call initialize before using " + family + " methods"
	case initialized:
		text = "client must send initialized before using " + family + " methods"
	case ready:
		return true
	}
	s.fail(m.RawID, &failure{execproto.CodeInvalidRequest, text, execproto.Stage{NotSent: true}})
	return false
}

// httpRequest starts an exchange, or queues it.
func (s *session) httpRequest(m *execproto.Message) {
	r, err := execproto.ReadHTTPRequest(m.Params)
	if err != nil {
		s.fail(m.RawID, invalid(fmt.Errorf("http/request: %w", err)))
		return
	}
	out, err := s.c.prepare(r)
	if err != nil {
		s.fail(m.RawID, invalid(err))
		return
	}
	e := newExchange(s, m.RawID, r, out)
	if !s.account.swap(s.copied, e.held) {
		s.fail(m.RawID, overBudget(true))
		return
	}
	s.copied = e.held
	start, refusal := s.slots.enter(e)
	if refusal != nil {
		s.fail(m.RawID, refusal)
		return
	}
	s.copied = 0 // the exchange gives it back
	s.c.Budget.counters.exchanges.Add(1)
	s.c.Budget.counters.exchangesTotal.Add(1)
	if start {
		s.start(e)
	}
}

func (s *session) start(e *exchange) {
	s.exchanges.Go(e.run)
}

// release frees the slot of an exchange and starts the next waiting exchange.
func (s *session) release() {
	if next := s.slots.release(); next != nil && s.ctx.Err() == nil {
		s.start(next) // the caller is still a running exchange, so Serve has not stopped waiting yet
	}
}

// leave removes an exchange from the session, when its last message is about to be sent. A client
// that has received the message may use the ID again. Until then the exchange keeps its place, so a
// client that does not read cannot have more of them.
func (s *session) leave(e *exchange) {
	s.slots.leave(e)
	s.c.Budget.counters.exchanges.Add(-1)
}

// begin waits until a message may be sent. The caller must call finish afterwards. begin fails when
// the session is over.
func (s *session) begin() error {
	select {
	case s.writing <- struct{}{}:
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
	if s.ctx.Err() != nil {
		<-s.writing
		return context.Cause(s.ctx)
	}
	return nil
}

// finish sends the message in f.
func (s *session) finish(f *frame) error {
	s.batch = append(s.batch, f)
	return s.flush()
}

// add returns a frame for the next message. Messages are sent by flush.
func (s *session) add(size int) *frame {
	f := newFrame(size)
	s.batch = append(s.batch, f)
	return f
}

// flush sends the messages that were added since begin, at once if the link can.
func (s *session) flush() error {
	s.messages = s.messages[:0]
	for _, f := range s.batch {
		s.messages = append(s.messages, f.b)
		s.c.Budget.counters.bytesOut.Add(int64(len(f.b)))
	}
	err := s.sendAll()
	if err != nil {
		s.end(err)
	}
	for i, f := range s.batch {
		f.free()
		s.batch[i], s.messages[i] = nil, nil
	}
	s.batch = s.batch[:0]
	<-s.writing
	return err
}

func (s *session) sendAll() error {
	if l, ok := s.link.(link.Batcher); ok && len(s.messages) > 1 {
		return l.SendAll(s.messages...)
	}
	for _, m := range s.messages {
		if err := s.link.Send(m); err != nil {
			return err
		}
	}
	return nil
}

// answer sends a result.
func (s *session) answer(rawID, result []byte) {
	if s.begin() == nil {
		f := newFrame(len(result))
		f.b = execproto.AppendResult(f.b, rawID, result)
		_ = s.finish(f)
	}
}

// fail sends an error. The error says how far the request got.
func (s *session) fail(rawID []byte, why *failure) {
	if s.begin() == nil {
		_ = s.finish(why.frame(rawID))
	}
}

// failNobody answers a message whose ID is unknown.
func (s *session) failNobody(text string) {
	s.fail(nobody, &failure{code: execproto.CodeInvalidRequest, text: text})
}

// ServeStdio serves one client over a pair of pipes, with one message per line, see [Serve]. At the
// end it closes both pipes. Closing a pipe must end a Read or Write in progress. io.EOF from in is
// a normal end.
func ServeStdio(ctx context.Context, in io.ReadCloser, out io.WriteCloser, opts *Options) error {
	c, err := newConfig(opts)
	if err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	return c.serveOne(ctx, link.NewLines(in, out, c.MaxMessage))
}
