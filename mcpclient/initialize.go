package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// initialize performs the legacy handshake (2025-11-25, "Lifecycle"). It deletes every session that
// the server started during the handshake, except the one in use. If tries is 0, the session's
// policy decides. expected is that of the request, see [stateRequest].
func (s *Session) initialize(ctx context.Context, version string, tries int, expected func(error) bool) (*sessionState, error) {
	sessions := begun{version: version}
	state, err := s.greet(ctx, &sessions, tries, expected)
	s.abandon(ctx, &sessions, state)
	return state, err
}

// greet sends initialize, then notifications/initialized in the session that initialize started.
func (s *Session) greet(ctx context.Context, sessions *begun, tries int, expected func(error) bool) (*sessionState, error) {
	version := sessions.version
	params, err := s.opts.initializeParams(version)
	if err != nil {
		return nil, invalid(methodInitialize, err)
	}
	var result initializeResult
	before := &sessionState{era: EraLegacy, http: s.conn.NewSession("", "", false)}
	takeID := func(h http.Header) { sessions.add(onlyID(h.Get("Mcp-Session-Id"))) }
	hello := greeting{method: methodInitialize, params: params, onHeader: takeID, tries: tries, expected: expected}
	if err := s.handshake(ctx, before, hello, &result); err != nil {
		return nil, err
	}
	agreed, sessionID := result.ProtocolVersion, sessions.last
	sessions.version = agreed
	if err := streamablehttp.CheckSessionID(sessionID); err != nil {
		kind := KindProtocol
		if isLimit(err) {
			kind = KindLimit
		}
		return nil, &Error{Kind: kind, Method: methodInitialize, Stage: transport.Answered, Outcome: Answered, Tries: 1, Err: err, harmless: true}
	}
	state := &sessionState{
		era: EraLegacy, version: agreed, proposed: version, http: s.conn.NewSession(wireVersion(agreed), sessionID, false),
		server: result.ServerInfo.Implementation, capabilities: result.Capabilities.ServerCapabilities, instructions: string(result.Instructions),
	}
	if !known(agreed) || eraOf(agreed) != EraLegacy || (s.opts.ProtocolVersion != "" && agreed != s.opts.ProtocolVersion) {
		var found []string
		if agreed != "" {
			found = []string{agreed}
		}
		return nil, versionFailure(methodInitialize, s.versionError(found, nil))
	}
	if err := s.confirm(ctx, state); err != nil {
		return nil, err
	}
	s.negotiated(ctx, state)
	return state, nil
}

// confirm sends notifications/initialized. Clients must send it, but some servers refuse it or
// never reply to it although the session works. So a 400, a 405, a JSON-RPC error or a missing
// reply is only logged: the first request in the session shows whether the session works.
func (s *Session) confirm(ctx context.Context, state *sessionState) error {
	p := s.newPosting(ctx, state, message{method: methodInitialized, params: []byte("{}")})
	p.policy, p.origin = s.handshakeRetry(0), OriginNegotiation
	if limit := p.timeouts.Try; limit <= 0 || limit > confirmTime {
		p.timeouts.Try, p.once = confirmTime, true
	}
	p.expected = func(err error) bool {
		var status *HTTPError
		kind := KindOf(err)
		return kind == KindTimeout && ctx.Err() == nil || kind == KindServer ||
			errors.As(err, &status) && (status.Status == http.StatusBadRequest || status.Status == http.StatusMethodNotAllowed)
	}
	err := p.do()
	if err != nil && p.expected(err) {
		s.log.Info("the server did not accept notifications/initialized", "error", brief(err))
		return nil
	}
	return err
}

// confirmTime bounds the wait for the reply to notifications/initialized.
const confirmTime = 5 * time.Second

// onlyID returns the session ID from a header value. If an intermediary has joined equal headers,
// as in "id, id", it returns the ID once. It returns any other value unchanged.
func onlyID(value string) string {
	first, rest, joined := strings.Cut(value, ",")
	if !joined {
		return value
	}
	for other := range strings.SplitSeq(rest, ",") {
		if strings.TrimSpace(other) != first {
			return value
		}
	}
	return first
}

// wireVersion returns the value of the version header for a revision, "" for revisions without that
// header.
func wireVersion(version string) string {
	if version < mcp.ProtocolVersion20250618 {
		return ""
	}
	return version
}

// abandonTime bounds the deletion of unused sessions once the context of the handshake has ended.
// It is enough for a new TLS connection and the DELETE at a round-trip time of 60 ms.
const abandonTime = 250 * time.Millisecond

// maxBegun bounds how many sessions of one handshake are remembered. The oldest are forgotten.
const maxBegun = 16

// begun records the sessions that a legacy server started during one handshake. Each try of
// initialize may start a session, even if the reply is lost after its header.
type begun struct {
	version string // proposed at first, then agreed
	ids     []string
	last    string // session ID from the last try, "" if there was none
}

// add notes the session ID in the header of a reply to initialize.
func (b *begun) add(id string) {
	b.last = id
	if err := streamablehttp.CheckSessionID(id); id == "" || (err != nil && !isLimit(err)) {
		return // there is no session, or its ID cannot be sent back
	}
	if slices.Contains(b.ids, id) {
		return
	}
	if len(b.ids) == maxBegun {
		b.ids = slices.Delete(b.ids, 0, 1)
	}
	b.ids = append(b.ids, id)
}

func isLimit(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit)
}

// abandon deletes the unused sessions of a handshake, all at once, and waits until that is done.
// keep is the session in use; it may be nil. Once ctx has ended, the deletion may take at most
// [abandonTime].
func (s *Session) abandon(ctx context.Context, b *begun, keep *sessionState) {
	unused := slices.DeleteFunc(b.ids, func(id string) bool { return keep != nil && id == keep.http.ID() })
	if len(unused) == 0 {
		return
	}
	deletion, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	bound := time.AfterFunc(deleteTimeout, cancel)
	defer bound.Stop()
	stop := context.AfterFunc(ctx, func() { bound.Reset(abandonTime) })
	defer stop()
	var wg sync.WaitGroup
	for _, id := range unused {
		state := &sessionState{era: EraLegacy, http: s.conn.NewSession(wireVersion(b.version), id, false)}
		wg.Go(func() { s.deleteSession(deletion, state) })
	}
	wg.Wait()
}
