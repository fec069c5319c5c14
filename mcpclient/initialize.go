package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// initialize performs the legacy handshake (2025-11-25, "Lifecycle"):
// initialize, then notifications/initialized on the session it began.
func (s *Session) initialize(ctx context.Context, version string, tries int) (*snapshot, error) {
	params, err := json.Marshal(mcp.InitializeParams{
		ProtocolVersion: version, Capabilities: s.opts.Handlers.capabilities(EraLegacy), ClientInfo: s.opts.ClientInfo,
	})
	if err != nil {
		return nil, &Error{Kind: KindInvalid, Method: methodInitialize, Stage: transport.NotSent, Err: err}
	}
	var (
		result    mcp.InitializeResult
		sessionID string
	)
	before := &snapshot{era: EraLegacy, http: s.conn.NewSession("", "", false)}
	takeID := func(h http.Header) { sessionID = h.Get("Mcp-Session-Id") }
	if err := s.handshake(ctx, before, methodInitialize, params, &result, takeID, tries); err != nil {
		s.abandon(ctx, version, sessionID) // begun all the same
		return nil, err
	}
	agreed := result.ProtocolVersion
	if err := streamablehttp.CheckSessionID(sessionID); err != nil {
		s.abandon(ctx, agreed, sessionID)
		kind := KindProtocol
		if isLimit(err) {
			kind = KindLimit
		}
		return nil, &Error{Kind: kind, Method: methodInitialize, Stage: transport.Answered, Tries: 1, Err: err}
	}
	sn := &snapshot{
		era: EraLegacy, version: agreed, http: s.conn.NewSession(wireVersion(agreed), sessionID, false),
		server: result.ServerInfo, capabilities: result.Capabilities, instructions: result.Instructions,
	}
	if !known(agreed) || eraOf(agreed) != EraLegacy || (s.opts.ProtocolVersion != "" && agreed != s.opts.ProtocolVersion) {
		s.abandon(ctx, agreed, sessionID)
		err := fmt.Errorf("%w: proposed %s, the server wants %s", errNoCommonVersion, version, quoteAll([]string{agreed}))
		return nil, s.versionError(methodInitialize, err)
	}
	if err := s.notify(ctx, sn, methodInitialized, nil); err != nil {
		s.abandon(ctx, agreed, sessionID)
		return nil, err
	}
	return sn, nil
}

// wireVersion is what a revision's version header says: nothing before there was one.
func wireVersion(version string) string {
	if version < mcp.ProtocolVersion20250618 {
		return ""
	}
	return version
}

// abandonTime is what is left for ending an unused session once nobody waits any more.
const abandonTime = 50 * time.Millisecond

// abandon ends a server's session that nobody will use, before the handshake
// returns. When ctx has ended, or ends meanwhile, it is only given a moment.
func (s *Session) abandon(ctx context.Context, version, sessionID string) {
	if err := streamablehttp.CheckSessionID(sessionID); sessionID == "" || (err != nil && !isLimit(err)) {
		return
	}
	deletion, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(abandonTime, cancel) })
	defer stop()
	s.deleteSession(deletion, &snapshot{era: EraLegacy, http: s.conn.NewSession(wireVersion(version), sessionID, false)})
}

func isLimit(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit)
}

// notify sends a notification on a state, with the retries of a repeatable request.
func (s *Session) notify(ctx context.Context, sn *snapshot, method string, params []byte) error {
	return s.do(&call{
		ctx: ctx, on: sn, method: method, params: params, notify: true, repeatable: true, tryBound: true,
		callOptions: s.newCallOptions(nil),
	})
}

func contains(versions []string, version string) bool { return slices.Contains(versions, version) }

// quoteAll lists a peer's version strings for an error text.
func quoteAll(versions []string) string {
	if len(versions) == 0 {
		return "no version it named"
	}
	shown := make([]string, 0, len(versions))
	for _, v := range versions[:min(len(versions), 8)] {
		shown = append(shown, fmt.Sprintf("%q", v[:min(len(v), 32)]))
	}
	return strings.Join(shown, ", ")
}
