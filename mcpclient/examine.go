package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/verdict"
)

// pingPatience bounds the ping that finds out whether a session is alive: calls wait for it.
const pingPatience = 5 * time.Second

// finding is what a ping says about a session.
type finding uint8

const (
	pingAnswered finding = iota // it lives, or nothing says that it does not
	pingRefused                 // refused as for a session that is gone
	pingDenied                  // refused by a bare 401, which may mean the session or the credentials
)

// examine pings a session once. Anything but a refusal that a dead session gets
// leaves it the benefit of the doubt.
func (s *Session) examine(ctx context.Context, state *sessionState) finding {
	if s.pings.useless() {
		return pingAnswered
	}
	var (
		err    = s.pingOn(quietly(ctx), state)
		status *HTTPError
		rpc    *RPCError
		text   string
	)
	code := 0
	if errors.As(err, &status) {
		rpc, code, text = status.RPC, status.Status, status.Preview
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
	case code == http.StatusUnauthorized && status != nil && len(status.Challenges) == 0:
		return pingDenied
	case named:
		return pingRefused
	case verdict.IsUnknownMethod(rpc), !verdict.SaysSessionLost(code):
		return pingAnswered
	}
	return pingRefused
}

// pings is what is known of a server's pings.
type pings struct {
	answered atomic.Bool   // once
	refused  atomic.Uint32 // how often even a new session's was refused
}

// maxRefusedPings is after how many refused pings of new sessions a server has no ping: one may be the
// fault of something on the way.
const maxRefusedPings = 3

// useless reports whether the server has no ping. Its refusals say nothing then.
func (p *pings) useless() bool { return !p.answered.Load() && p.refused.Load() >= maxRefusedPings }

// proves reports whether the refusal of a ping proves anything: the server answers one in a session that
// was just begun, or has answered one before.
func (s *Session) proves(fresh *sessionState) bool {
	if !s.pings.answered.Load() && s.examine(s.root, fresh) != pingAnswered && s.pings.refused.Add(1) == maxRefusedPings {
		s.log.Warn("the server refuses pings: a lost session is only recognised if the server names it")
	}
	return s.pings.answered.Load()
}

// isGone reports whether a ping proves that a session is gone which others have replaced meanwhile.
func (s *Session) isGone(ctx context.Context, state *sessionState) bool {
	if s.examine(ctx, state) != pingRefused {
		return false
	}
	if !s.pings.answered.Load() {
		s.examine(ctx, s.now.Load())
	}
	return s.pings.answered.Load()
}

// quietly marks the context of requests that only find something out: they ask nobody for authorization.
func quietly(ctx context.Context) context.Context { return context.WithValue(ctx, quiet{}, true) }

type quiet struct{}
