package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// negotiate finds out which era and revision the endpoint supports and returns a session state for
// them (2026-07-28, "Backward Compatibility"). It sends server/discover first, unless hint or the
// cache says that the server is legacy. Sending server/discover to a legacy server is harmless,
// because the server refuses it.
//
// Only a reply is evidence of the era. Network failures, timeouts, 401 and 403 prove nothing and
// end the negotiation. After a 5xx that outlasts its retries, negotiate sends one initialize; if
// that succeeds, the era is not remembered.
func (s *Session) negotiate(ctx context.Context, hint Era) (*sessionState, error) {
	if pinned := s.opts.ProtocolVersion; pinned != "" {
		if eraOf(pinned) == EraModern {
			return s.discover(ctx, pinned, 0, nil)
		}
		next, err := s.initialize(ctx, pinned, 0, nil)
		if err != nil && refusesVersion(err) {
			err = s.withVersions(err, namedVersions(err, pinned))
		}
		return next, err
	}
	if hint == EraUnknown {
		hint = s.opts.EraCache.Lookup(s.endpoint)
	}
	var refusal error // the refusal of an initialize that was sent first
	if hint == EraLegacy {
		next, err := s.propose(ctx, s.proposal(), 0, verdict.ProvesModern)
		if err == nil || !verdict.ProvesModern(err) {
			return next, err
		}
		refusal = err
	}
	silence := discoverSilence
	if hint == EraModern {
		silence = 0
	}
	next, err := s.discover(ctx, modernVersion, silence, func(err error) bool { return fallsBack(err, hint) && refusal == nil })
	if err == nil {
		s.opts.EraCache.Store(s.endpoint, EraModern)
		return next, nil
	}
	guess, version, tries := verdict.GuessEra(err), legacyVersion, 0
	var only *onlyLegacyError
	switch {
	case errors.As(err, &only):
		version = only.version
	case guess == verdict.NoGuess, guess == verdict.Perhaps && hint == EraModern:
		return nil, err
	case guess != verdict.Legacy:
		tries = 1
	}
	if refusal != nil && version == legacyVersion {
		return nil, refusal // another initialize would be the same request
	}
	next, initErr := s.propose(ctx, version, tries, nil)
	if initErr != nil {
		if tries == 1 && !errors.Is(initErr, streamablehttp.ErrOldTransport) {
			return nil, bothFailed(err, initErr) // discover's error says more
		}
		return nil, initErr
	}
	if guess != verdict.Outage {
		s.opts.EraCache.Store(s.endpoint, EraLegacy)
	}
	return next, nil
}

// fallsBack reports whether negotiate continues after server/discover failed with err, if no
// initialize was refused before.
func fallsBack(err error, hint Era) bool {
	if supported, refused := refusedVersion(err); refused {
		return slices.Contains(supported, modernVersion) || newestLegacy(supported) != ""
	}
	guess := verdict.GuessEra(err)
	return guess != verdict.NoGuess && (guess != verdict.Perhaps || hint != EraModern)
}

// proposal returns the legacy revision to propose. If the current session is legacy, this is the
// revision that it started with. Otherwise it is the newest legacy revision.
func (s *Session) proposal() string {
	if state := s.now.Load(); state != nil && state.proposed != "" {
		return state.proposed
	}
	return legacyVersion
}

// discoverSilence bounds the wait for an answer to server/discover. Some legacy servers and
// gateways never answer a method that they do not know.
const discoverSilence = 10 * time.Second

// bothFailed adds the error of initialize to the error of the server/discover before it.
func bothFailed(err, initErr error) error {
	e, ok := err.(*Error)
	if !ok || e.Kind == KindCanceled || e.Kind == KindClosed {
		return err
	}
	out := *e
	out.Err = &hintedError{e.Err, "initialize failed too: " + causeText(initErr) + "; to skip server/discover, set ProtocolVersion"}
	return &out
}

// onlyLegacyError is the error of discover if the server names only legacy revisions.
type onlyLegacyError struct{ version string }

func (e *onlyLegacyError) Error() string { return "the server supports only legacy revisions" }

// discover requests a modern server's description of itself. If silence is positive, it bounds the
// wait for the answer, and a discover that gets no answer in that time is not retried. expected is
// that of the request, see [stateRequest].
func (s *Session) discover(ctx context.Context, version string, silence time.Duration, expected func(error) bool) (*sessionState, error) {
	state := &sessionState{era: EraModern, version: version, http: s.conn.NewSession(version, "", true), meta: s.modernMeta(version)}
	var result discoverResult
	for retried := false; ; retried = true {
		err := s.handshake(ctx, state, greeting{method: methodDiscover, silence: silence, expected: expected}, &result)
		if err == nil {
			break
		}
		supported, refused := refusedVersion(err)
		switch {
		case !refused:
			return nil, err
		case slices.Contains(supported, version) && !retried: // even if the request already used this version
			continue
		case s.opts.ProtocolVersion == "" && newestLegacy(supported) != "":
			return nil, versionFailure(methodDiscover, &onlyLegacyError{newestLegacy(supported)})
		}
		return nil, versionFailure(methodDiscover, s.versionError(supported, nil))
	}
	if len(result.SupportedVersions) == 0 {
		// Some servers answer any request with an empty result, which is no evidence of the modern
		// era.
		return nil, &Error{Kind: KindProtocol, Method: methodDiscover, Stage: transport.Answered, Outcome: Answered, Tries: 1, harmless: true,
			Err: &ProtocolError{Reason: "the result of server/discover names no version", Status: http.StatusOK}}
	}
	if !slices.Contains(result.SupportedVersions, version) {
		if legacy := newestLegacy(result.SupportedVersions); legacy != "" && s.opts.ProtocolVersion == "" {
			return nil, versionFailure(methodDiscover, &onlyLegacyError{legacy})
		}
		return nil, versionFailure(methodDiscover, s.versionError(result.SupportedVersions, nil))
	}
	state.capabilities, state.server = result.Capabilities.ServerCapabilities, result.server()
	state.instructions = string(result.Instructions)
	s.negotiated(ctx, state)
	return state, nil
}

func (s *Session) negotiated(ctx context.Context, state *sessionState) {
	if s.observed() {
		s.tell(ctx, Negotiated{Endpoint: s.Endpoint(), Era: state.era, ProtocolVersion: state.version})
	}
}

// discoverResult is the result of server/discover. The server info belongs in _meta; pre-release
// servers send it at the top level.
type discoverResult struct {
	SupportedVersions []string     `json:"supportedVersions"`
	Capabilities      lenientCaps  `json:"capabilities"`
	Instructions      lenientText  `json:"instructions"`
	ServerInfo        lenientInfo  `json:"serverInfo"`
	Meta              discoverMeta `json:"_meta"`
}

type discoverMeta struct{ info *lenientInfo }

// UnmarshalJSON implements json.Unmarshaler. It does not fail.
func (m *discoverMeta) UnmarshalJSON(data []byte) error {
	var meta struct {
		ServerInfo *lenientInfo `json:"io.modelcontextprotocol/serverInfo"`
	}
	_ = json.Unmarshal(data, &meta)
	m.info = meta.ServerInfo
	return nil
}

func (r *discoverResult) server() mcp.Implementation {
	if r.Meta.info != nil {
		return r.Meta.info.Implementation
	}
	return r.ServerInfo.Implementation
}

// refusedVersion reports whether err says that the server does not support the revision of the
// request. supported are the revisions that the server says it supports.
func refusedVersion(err error) (supported []string, refused bool) {
	return verdict.RefusedVersion(verdict.RPCError(err))
}

// versionFailure returns an error of KindVersion for an answer of the server.
func versionFailure(method string, err error) error {
	return &Error{Kind: KindVersion, Method: method, Stage: transport.Answered, Outcome: Answered, Tries: 1, Err: err, harmless: true}
}

// modernMeta encodes the members of _meta that every modern request has.
func (s *Session) modernMeta(version string) []byte {
	b := make([]byte, 0, 192)
	b = append(b, `"`+mcp.MetaKeyProtocolVersion+`":`...)
	b = jsonrpc.AppendString(b, version)
	b = append(b, `,"`+mcp.MetaKeyClientInfo+`":`...)
	b = orEmpty(appendInfo(b, &s.opts.ClientInfo))
	b = append(b, `,"`+mcp.MetaKeyClientCapabilities+`":`...)
	return orEmpty(appendCapabilities(b, s.opts.capabilities(EraModern, version)))
}

// orEmpty returns b, with an empty object in place of a value that cannot be encoded. That cannot
// happen: these are plain structs of strings, and settings that were encoded before.
func orEmpty(b []byte, err error) []byte {
	if err != nil {
		b = append(b, "{}"...)
	}
	return b
}

// maxHandshake bounds the reply in which a server describes itself, in bytes. The session keeps
// this description in memory until it ends.
const maxHandshake = 1 << 20

// greeting is a request of the negotiation.
type greeting struct {
	method   string
	params   []byte
	onHeader func(http.Header) // called with the header of each reply; may be nil
	tries    int               // 0: as many as the session's policy allows
	silence  time.Duration     // if positive, a try that gets no answer within this time ends and is not repeated
	expected func(error) bool  // see stateRequest; may be nil
}

// handshakeResult is a result of the negotiation.
type handshakeResult interface{ decode(data []byte) error }

// handshake sends one request of the negotiation. state is not the session's current state yet.
func (s *Session) handshake(ctx context.Context, state *sessionState, g greeting, result handshakeResult) error {
	var raw json.RawMessage
	r := s.newStateRequest(ctx, state, message{method: g.method, params: g.params}, &wire.RawResult{Out: &raw})
	r.maxReply, r.onHeader, r.value, r.origin = maxHandshake, g.onHeader, &raw, OriginNegotiation
	r.expected = g.expected
	if limit := r.timeouts.Try; g.silence > 0 && (limit <= 0 || limit > g.silence) {
		r.timeouts.Try, r.once = g.silence, true
	}
	if err := r.do(s.handshakeRetry(g.tries)); err != nil {
		return err
	}
	if err := result.decode(raw); err != nil {
		bad := &ProtocolError{Reason: "result of " + g.method + " does not decode", Status: http.StatusOK, Err: err}
		return r.failed(KindProtocol, bad)
	}
	return nil
}

// handshakeRetry returns the retry policy for a request of the negotiation: Options.ConnectRetry
// while Connect runs, Options.Retry later. tries replaces MaxTries unless it is 0.
func (s *Session) handshakeRetry(tries int) Retry {
	policy := s.opts.Retry
	if s.now.Load() == nil {
		policy = s.opts.ConnectRetry
	}
	if tries > 0 {
		policy.MaxTries = tries
	}
	return policy
}
