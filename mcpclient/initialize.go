package mcpclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// initialize performs the legacy handshake (2025-11-25, "Lifecycle"). It deletes every session that
// the server started during the handshake, except the one in use. If tries is 0, the session's
// policy decides.
func (s *Session) initialize(ctx context.Context, version string, tries int) (*sessionState, error) {
	sessions := begun{version: version}
	state, err := s.greet(ctx, &sessions, tries)
	s.abandon(ctx, &sessions, state)
	return state, err
}

// greet sends initialize, then notifications/initialized in the session that it started.
func (s *Session) greet(ctx context.Context, sessions *begun, tries int) (*sessionState, error) {
	version := sessions.version
	params, err := json.Marshal(mcp.InitializeParams{
		ProtocolVersion: version, Capabilities: s.opts.Handlers.capabilities(EraLegacy), ClientInfo: s.opts.ClientInfo,
	})
	if err != nil {
		return nil, invalid(methodInitialize, err)
	}
	var result mcp.InitializeResult
	before := &sessionState{era: EraLegacy, http: s.conn.NewSession("", "", false)}
	takeID := func(h http.Header) { sessions.add(h.Get("Mcp-Session-Id")) }
	if err := s.handshake(ctx, before, methodInitialize, params, &result, takeID, tries); err != nil {
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
		era: EraLegacy, version: agreed, http: s.conn.NewSession(wireVersion(agreed), sessionID, false),
		server: result.ServerInfo, capabilities: result.Capabilities, instructions: result.Instructions,
	}
	if !known(agreed) || eraOf(agreed) != EraLegacy || (s.opts.ProtocolVersion != "" && agreed != s.opts.ProtocolVersion) {
		err := fmt.Errorf("%w: proposed %s, the server answered %s", errNoCommonVersion, version, quoteAll([]string{agreed}))
		return nil, s.versionError(methodInitialize, err)
	}
	if err := s.notify(ctx, state, methodInitialized, s.handshakeRetry(0)); err != nil {
		return nil, err
	}
	return state, nil
}

// wireVersion returns the value of the version header for a revision, "" for revisions without that
// header.
func wireVersion(version string) string {
	if version < mcp.ProtocolVersion20250618 {
		return ""
	}
	return version
}

// quoteAll lists a server's version strings for an error text.
func quoteAll(versions []string) string {
	if len(versions) == 0 {
		return "no versions"
	}
	shown := make([]string, 0, len(versions))
	for _, v := range versions[:min(len(versions), 8)] {
		shown = append(shown, fmt.Sprintf("%q", v[:min(len(v), 32)]))
	}
	return strings.Join(shown, ", ")
}
