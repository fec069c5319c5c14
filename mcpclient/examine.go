package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/verdict"
)

// pingPatience bounds the ping that checks whether a session is alive. It is short because calls
// wait for that ping.
const pingPatience = 5 * time.Second

// finding is the result of a ping that checks a session.
type finding uint8

const (
	pingAnswered finding = iota // the session is alive, or nothing proves that it is gone
	pingRefused                 // the server refused the ping with a reply that means that the session is lost
	pingDenied                  // refused by a bare 401, which may mean the session or the credentials
)

// examine pings a session once. The session counts as alive unless the refusal of the ping means
// that it is lost. If doubted is set, any refusal of the ping suggests that; the caller then
// compares with a ping of a new session.
func (s *Session) examine(ctx context.Context, state *sessionState, doubted bool) finding {
	if s.pings.useless() {
		return pingAnswered
	}
	found := pingAnswered
	s.pingOn(quietly(ctx), state, func(err error) { found = s.finding(err, doubted) })
	return found
}

// finding returns what the outcome of a ping shows.
func (s *Session) finding(err error, doubted bool) finding {
	var (
		status   *HTTPError
		protocol *ProtocolError
		rpc      *RPCError
		text     string
	)
	code, challenged := 0, false
	if errors.As(err, &status) {
		rpc, code, text = status.RPC, status.Status, status.Preview
		challenged = len(status.Challenges) > 0
	}
	if doubted && errors.As(err, &protocol) {
		code, text = protocol.Status, protocol.Preview
	}
	if rpc != nil || errors.As(err, &rpc) {
		text += rpc.Message
		code = rpc.Status
	}
	if err == nil {
		s.pings.answered.Store(true)
	}
	switch named := verdict.NamesSession(text); {
	case code == 0:
		return pingAnswered
	case code == http.StatusUnauthorized && status != nil && !challenged:
		return pingDenied
	case named, doubted && verdict.RefusesPing(code, challenged, rpc):
		return pingRefused
	case verdict.IsUnknownMethod(rpc), !verdict.SaysSessionLost(code):
		return pingAnswered
	}
	return pingRefused
}

// pings records what is known about a server's support of ping.
type pings struct {
	answered atomic.Bool   // the server has answered a ping
	refused  atomic.Uint32 // how often it refused a ping in a new session
}

// maxRefusedPings is how many refused pings in new sessions show that the server does not support
// ping. A single refusal may come from a proxy.
const maxRefusedPings = 3

// useless reports whether the server does not support ping, so that a refused ping proves nothing.
func (p *pings) useless() bool { return !p.answered.Load() && p.refused.Load() >= maxRefusedPings }

// proves reports whether a refused ping proves anything: the server answers a ping in the fresh
// session, or has answered one before.
func (s *Session) proves(ctx context.Context, fresh *sessionState) bool {
	if !s.pings.answered.Load() && s.examine(ctx, fresh, false) != pingAnswered {
		s.noteRefusedPing()
	}
	return s.pings.answered.Load()
}

// accepts reports whether the server accepts a ping in the fresh session, or looks at its method at
// least. In contrast to a refused ping of the old session, that shows that a doubtful reply meant
// the session.
func (s *Session) accepts(ctx context.Context, fresh *sessionState) bool {
	accepted := false
	s.pingOn(quietly(ctx), fresh, func(err error) {
		rpc := verdict.RPCError(err)
		accepted = err == nil || verdict.IsUnknownMethod(rpc) && !verdict.NamesSession(rpc.Message)
		if err == nil {
			s.pings.answered.Store(true)
		}
		if !accepted && !s.pings.answered.Load() {
			s.noteRefusedPing()
		}
	})
	return accepted
}

func (s *Session) noteRefusedPing() {
	if s.pings.refused.Add(1) == maxRefusedPings {
		s.log.Warn("the server refuses pings: the loss of a session is recognized only if the server's error mentions the session")
	}
}

// isGone reports whether a ping proves that the session of state is gone. Another call has already
// replaced that session.
func (s *Session) isGone(ctx context.Context, state *sessionState) bool {
	if s.examine(ctx, state, false) != pingRefused {
		return false
	}
	if !s.pings.answered.Load() {
		s.examine(ctx, s.now.Load(), false)
	}
	return s.pings.answered.Load()
}

// quietly returns a context for requests that only check something. Such requests never call the
// Authorizer.
func quietly(ctx context.Context) context.Context { return context.WithValue(ctx, quiet{}, true) }

type quiet struct{}

// isRefusal reports whether err is a reply of the server.
func isRefusal(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.FromPeer()
}
