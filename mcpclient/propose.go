package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// propose sends initialize with a revision that is not pinned. A server that does not support the
// proposed revision should answer with one that it supports. Some servers refuse the request
// instead. For these, propose sends one more initialize. It proposes the newest common revision
// that the refusal names. If the refusal names no revision, it proposes 2025-06-18. If the endpoint
// uses the old HTTP+SSE transport, the error says so. expected reports which other refusals the
// caller is prepared for; it may be nil.
func (s *Session) propose(ctx context.Context, version string, tries int, expected func(error) bool) (*sessionState, error) {
	next, err := s.initialize(ctx, version, tries, func(err error) bool {
		return expected != nil && expected(err) || s.otherRevision(err, version) != ""
	})
	if err == nil || !refusesInitialize(err) {
		return next, err
	}
	named, other := namedVersions(err, version), s.otherRevision(err, version)
	switch {
	case len(named) > 0 && other == "":
		return nil, s.withVersions(err, named)
	case len(named) == 0 && s.now.Load() == nil && s.isOldTransport(ctx):
		old := &ProtocolError{Reason: "initialize was refused", Err: streamablehttp.ErrOldTransport}
		return nil, &Error{Kind: KindProtocol, Method: methodInitialize, Stage: transport.Answered, Outcome: Answered, Tries: 1, Err: old, harmless: true}
	case other == "":
		return nil, err
	}
	s.log.Info("initialize is sent again with another revision", "refused", version, "proposed", other)
	next, again := s.initialize(ctx, other, 1, nil)
	if again != nil {
		return nil, s.withVersions(err, named)
	}
	return next, nil
}

// otherRevision returns the revision to propose after err refused version, "" for none.
func (s *Session) otherRevision(err error, version string) string {
	if !refusesInitialize(err) {
		return ""
	}
	named := namedVersions(err, version)
	accepted := s.now.Load() != nil // the server has accepted this revision before
	if len(named) == 0 && !accepted && version > mcp.ProtocolVersion20250618 && refusesVersion(err) {
		return mcp.ProtocolVersion20250618
	}
	return newestLegacy(named)
}

// refusesInitialize reports whether err is a refusal of initialize that may be about the revision
// or the transport.
func refusesInitialize(err error) bool {
	var status *HTTPError
	if errors.As(err, &status) {
		class := httpstatus.Of(status.Status)
		return status.Status/100 == 4 && class != httpstatus.Denied && class != httpstatus.Limited && class != httpstatus.Unsettled
	}
	return refusesVersion(err)
}

// refusesVersion reports whether err is a refusal of initialize that may be about the revision.
func refusesVersion(err error) bool {
	rpc := verdict.RPCError(err)
	if rpc != nil {
		return rpc.Code == CodeInvalidParams || rpc.Status == http.StatusBadRequest
	}
	var status *HTTPError
	return errors.As(err, &status) && status.Status == http.StatusBadRequest
}

var versionDate = regexp.MustCompile(`\b20[0-9]{2}-[01][0-9]-[0-3][0-9]\b`)

// namedVersions returns the revisions that a refusal names, except the proposed one.
func namedVersions(err error, proposed string) (named []string) {
	var (
		status *HTTPError
		text   string
	)
	if errors.As(err, &status) {
		text = status.Preview
	}
	if rpc := verdict.RPCError(err); rpc != nil {
		text += " " + rpc.Message + " " + string(rpc.Data[:min(len(rpc.Data), maxVersionText)])
	}
	for _, v := range versionDate.FindAllString(text, maxVersions) {
		if v != proposed && !slices.Contains(named, v) {
			named = append(named, v)
		}
	}
	return named
}

// Bounds of the search for revisions in a refusal.
const (
	maxVersionText = 4 << 10 // bytes
	maxVersions    = 16
)

// withVersions changes err to KindVersion and adds the revisions that the refusal names. If named
// is empty, it returns err unchanged.
func (s *Session) withVersions(err error, named []string) error {
	e, ok := err.(*Error)
	if !ok || len(named) == 0 {
		return err
	}
	out := *e
	out.Kind, out.Err = KindVersion, s.versionError(named, e.Err)
	return &out
}

// isOldTransport reports whether a GET opens a stream of the old HTTP+SSE transport.
func (s *Session) isOldTransport(ctx context.Context) bool {
	probe, cancel := context.WithTimeout(ctx, oldTransportTime)
	defer cancel()
	stop := context.AfterFunc(s.root, cancel)
	defer stop()
	return s.conn.IsOldTransport(probe)
}

// oldTransportTime bounds the search for the old HTTP+SSE transport.
const oldTransportTime = 3 * time.Second
