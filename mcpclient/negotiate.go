package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/transport"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// negotiate finds out which era and revision the endpoint speaks and returns
// the state to talk to it (2026-07-28, "Backward Compatibility"). It asks
// server/discover first, which a legacy server cannot half-execute, unless the
// hint or the cache says legacy.
//
// Only a reply can be evidence about the era: network failures, timeouts, 401
// and 403 prove nothing and end the negotiation; 5xx after its retries allows
// one initialize, whose success is not remembered.
func (s *Session) negotiate(ctx context.Context, hint Era) (*sessionState, error) {
	if pinned := s.opts.ProtocolVersion; pinned != "" {
		if eraOf(pinned) == EraModern {
			return s.discover(ctx, pinned)
		}
		return s.initialize(ctx, pinned, 0)
	}
	if hint == EraUnknown {
		hint = s.opts.EraCache.Lookup(s.endpoint)
	}
	var refusal error // of an initialize that was sent first
	if hint == EraLegacy {
		next, err := s.initialize(ctx, legacyVersion, 0)
		if err == nil || !speaksModern(err) {
			return next, err
		}
		refusal = err
	}
	next, err := s.discover(ctx, modernVersion)
	if err == nil {
		s.opts.EraCache.Store(s.endpoint, EraModern)
		return next, nil
	}
	version, tries, legacy := legacyEvidence(err)
	switch {
	case !legacy:
		return nil, err
	case refusal != nil && version == legacyVersion:
		return nil, refusal // it would be the same request again
	}
	next, initErr := s.initialize(ctx, version, tries)
	if initErr != nil {
		if tries == 1 {
			return nil, err // the outage that discover met tells more
		}
		return nil, initErr
	}
	if tries == 0 {
		s.opts.EraCache.Store(s.endpoint, EraLegacy)
	}
	return next, nil
}

// errNoCommonVersion is wrapped by errors of KindVersion.
var errNoCommonVersion = errors.New("no common protocol version")

// onlyLegacyError is discover's when the server names nothing but legacy revisions.
type onlyLegacyError struct{ version string }

func (e *onlyLegacyError) Error() string { return "the server speaks only legacy revisions" }

// speaksModern reports whether the refusal of an initialize proves a modern server.
func speaksModern(err error) bool {
	var rpc *RPCError
	if errors.As(err, &rpc) && modernCode(rpc.Code) {
		return true
	}
	var status *HTTPError
	if !errors.As(err, &status) {
		return errors.As(err, &rpc) && rpc.Code == CodeMethodNotFound
	}
	if status.RPC != nil && modernCode(status.RPC.Code) {
		return true
	}
	return status.Status == http.StatusBadRequest || status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed
}

// modernCode reports whether a code is one of those that 2026-07-28 introduced.
func modernCode(code int64) bool {
	return code == CodeHeaderMismatch || code == CodeMissingCapability || code == CodeUnsupportedVersion
}

// legacyEvidence reads from discover's error whether the server is a legacy
// one, and with which revision and how many tries (0: as usual) to greet it.
func legacyEvidence(err error) (version string, tries int, legacy bool) {
	var (
		only     *onlyLegacyError
		rpc      *RPCError
		status   *HTTPError
		protocol *ProtocolError
	)
	switch {
	case errors.As(err, &only):
		return only.version, 0, true
	case errors.As(err, &status):
		return statusEvidence(status)
	case errors.As(err, &rpc):
		return statusEvidence(&HTTPError{Status: rpc.Status, RPC: rpc})
	case errors.As(err, &protocol):
		return legacyVersion, 0, true
	}
	return "", 0, false
}

func statusEvidence(e *HTTPError) (string, int, bool) {
	class := httpstatus.Of(e.Status)
	switch {
	case e.RPC != nil && modernCode(e.RPC.Code):
		return "", 0, false
	case class == httpstatus.NotFound && isUnknownMethod(e.RPC):
		return "", 0, false // how a modern server refuses a method
	case class == httpstatus.Broken || e.Status == http.StatusNotImplemented || e.Status == http.StatusHTTPVersionNotSupported:
		return legacyVersion, 1, true
	case class == httpstatus.Denied, class == httpstatus.Limited, class == httpstatus.Unsettled, class == httpstatus.Redirect:
		return "", 0, false
	}
	return legacyVersion, 0, true // another 4xx, or an error in a 2xx: a server that does not know the method
}

// discover asks a modern server what it is.
func (s *Session) discover(ctx context.Context, version string) (*sessionState, error) {
	state := &sessionState{era: EraModern, version: version, http: s.conn.NewSession(version, "", true), meta: s.modernMeta(version)}
	var result discoverResult
	for retried := false; ; retried = true {
		err := s.handshake(ctx, state, methodDiscover, nil, &result, nil, 0)
		if err == nil {
			break
		}
		supported, refused := refusedVersion(err)
		switch {
		case !refused:
			return nil, err
		case contains(supported, version) && !retried: // also when it is the very version just sent
			continue
		case s.opts.ProtocolVersion == "" && newestLegacy(supported) != "":
			return nil, s.versionError(methodDiscover, &onlyLegacyError{newestLegacy(supported)})
		}
		return nil, s.versionError(methodDiscover, fmt.Errorf("%w: the server speaks %s", errNoCommonVersion, quoteAll(supported)))
	}
	if len(result.SupportedVersions) == 0 {
		// Servers exist that answer anything with an empty result: no evidence of the modern era.
		return nil, &Error{Kind: KindProtocol, Method: methodDiscover, Stage: transport.Answered, Outcome: Answered, Tries: 1, harmless: true,
			Err: &ProtocolError{Reason: "the result of server/discover names no version", Status: http.StatusOK}}
	}
	if !contains(result.SupportedVersions, version) {
		if legacy := newestLegacy(result.SupportedVersions); legacy != "" && s.opts.ProtocolVersion == "" {
			return nil, s.versionError(methodDiscover, &onlyLegacyError{legacy})
		}
		return nil, s.versionError(methodDiscover, fmt.Errorf("%w: the server speaks %s", errNoCommonVersion, quoteAll(result.SupportedVersions)))
	}
	state.capabilities, state.instructions, state.server = result.Capabilities, result.Instructions, result.server()
	return state, nil
}

// discoverResult is the result of server/discover. Its ServerInfo sits in
// _meta; pre-release servers put it at the top.
type discoverResult struct {
	SupportedVersions []string               `json:"supportedVersions"`
	Capabilities      mcp.ServerCapabilities `json:"capabilities"`
	Instructions      string                 `json:"instructions"`
	ServerInfo        mcp.Implementation     `json:"serverInfo"`
	Meta              struct {
		ServerInfo *mcp.Implementation `json:"io.modelcontextprotocol/serverInfo"`
	} `json:"_meta"`
}

func (r *discoverResult) server() mcp.Implementation {
	if r.Meta.ServerInfo != nil {
		return *r.Meta.ServerInfo
	}
	return r.ServerInfo
}

// refusedVersion reads the error of a server that does not speak the request's revision.
func refusedVersion(err error) (supported []string, refused bool) {
	var rpc *RPCError
	var status *HTTPError
	if !errors.As(err, &rpc) && errors.As(err, &status) {
		rpc = status.RPC
	}
	if rpc == nil || rpc.Code != CodeUnsupportedVersion {
		return nil, false
	}
	var data struct {
		Supported []string `json:"supported"`
	}
	_ = json.Unmarshal(rpc.Data, &data) // without a list there is nothing in common
	return data.Supported, true
}

func (s *Session) versionError(method string, err error) error {
	return &Error{Kind: KindVersion, Method: method, Stage: transport.Answered, Outcome: Answered, Tries: 1, Err: err, harmless: true}
}

// modernMeta encodes once the members that _meta of every modern request has.
func (s *Session) modernMeta(version string) []byte {
	member := func(key string, value any) string {
		data, err := json.Marshal(value)
		if err != nil {
			data = []byte("{}") // plain structs of strings: cannot happen
		}
		return `"` + key + `":` + string(data)
	}
	return []byte(member(mcp.MetaKeyProtocolVersion, version) + "," +
		member(mcp.MetaKeyClientInfo, s.opts.ClientInfo) + "," +
		member(mcp.MetaKeyClientCapabilities, s.opts.Handlers.capabilities(EraModern)))
}

// maxHandshake bounds the reply in which a server describes itself, while it is
// read. What it says is kept for as long as the session lives.
const maxHandshake = 1 << 20

// handshake sends one request of the negotiation on a state that is not the
// session's yet. Tries 0 means the session's policy.
func (s *Session) handshake(
	ctx context.Context, state *sessionState, method string, params []byte, result any, onHeader func(http.Header), tries int,
) error {
	var raw json.RawMessage
	c := &call{
		ctx: ctx, on: state, method: method, params: params, repeatable: true, tryBound: true, maxTries: tries, maxReply: maxHandshake,
		result: &wire.RawResult{Out: &raw}, onHeader: onHeader, callOptions: s.newCallOptions(nil),
	}
	if err := s.do(c); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, result); err != nil {
		bad := &ProtocolError{Reason: "result of " + method + " does not decode", Status: http.StatusOK, Err: err}
		return c.failed(verdict{kind: KindProtocol}, bad)
	}
	return nil
}
