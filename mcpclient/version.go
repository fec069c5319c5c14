package mcpclient

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/release"
)

// Version is the version of this module without the "v" of its tag, as in "1.2.3". It is part of
// the default ClientInfo.
const Version = release.Version

// Era is one of the two generations of the protocol, which use HTTP differently.
type Era uint8

const (
	// EraUnknown: the era has not been negotiated yet.
	EraUnknown Era = iota
	// EraLegacy: revisions up to 2025-11-25, with a handshake and a session.
	EraLegacy
	// EraModern: 2026-07-28 and later, stateless.
	EraModern
)

var eraNames = map[Era]string{EraLegacy: "legacy", EraModern: "modern"}

// String returns "legacy", "modern" or "unknown".
func (e Era) String() string { return cmp.Or(eraNames[e], "unknown") }

const (
	modernVersion = mcp.ProtocolVersion20260728
	legacyVersion = mcp.ProtocolVersion20251125 // the newest revision with a handshake, proposed first
)

// supportedVersions are the revisions that sessions speak, newest first. 2024-11-05 used another
// transport, but many Streamable HTTP servers answer initialize with that revision.
var supportedVersions = []string{
	modernVersion, legacyVersion, mcp.ProtocolVersion20250618, mcp.ProtocolVersion20250326,
	mcp.ProtocolVersion20241105,
}

func known(version string) bool { return slices.Contains(supportedVersions, version) }

// eraOf returns the era of a known revision.
func eraOf(version string) Era {
	if version == modernVersion {
		return EraModern
	}
	return EraLegacy
}

// newestLegacy returns the newest legacy revision in supported, "" if there is none.
func newestLegacy(supported []string) string {
	for _, v := range supportedVersions {
		if eraOf(v) == EraLegacy && slices.Contains(supported, v) {
			return v
		}
	}
	return ""
}

// EraCache remembers the era of each endpoint, so that a new session starts with the right
// handshake. If a handshake shows that an entry is wrong, the entry is replaced. The zero value is
// ready to use. It keeps the last 1,024 endpoints in memory and is safe for concurrent use.
type EraCache struct {
	printed // its keys are endpoint URLs

	mu    sync.Mutex
	eras  map[string]Era // guarded by mu
	order []string       // guarded by mu; oldest first
}

const eraCacheSize = 1024

// Lookup returns the era of an endpoint URL, EraUnknown if there is no entry.
func (c *EraCache) Lookup(endpoint string) Era {
	if c == nil {
		return EraUnknown
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.eras[endpoint]
}

// Store sets the era of an endpoint URL. EraUnknown removes it.
func (c *EraCache) Store(endpoint string, era Era) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.eras == nil {
		c.eras = make(map[string]Era)
	}
	if _, there := c.eras[endpoint]; !there {
		c.order = append(c.order, endpoint)
		if len(c.order) > eraCacheSize {
			delete(c.eras, c.order[0])
			c.order = c.order[1:]
		}
	}
	c.eras[endpoint] = era
}

// VersionError says that the session and the server have no protocol revision in common. An [*Error]
// of KindVersion wraps it.
type VersionError struct {
	// URL is the endpoint, without its query.
	URL string
	// Wanted are the revisions that the session accepts, newest first: all that this package supports,
	// or the pinned [Options.ProtocolVersion] alone.
	Wanted []string
	// Found are the revisions that the server named, unchecked and at most 16. It is nil if the server
	// named none.
	Found []string
	// Err is the server's refusal. It is nil if the server named Found in a result.
	Err error
}

// Error returns a text that names the revisions of both sides.
func (e *VersionError) Error() string {
	text := "no common protocol version: expected " + quoteAll(e.Wanted)
	if len(e.Found) == 0 {
		text += ", but the server names no protocol version"
	} else {
		text += "; the server names " + quoteAll(e.Found)
	}
	if e.Err != nil {
		text += ": " + causeText(e.Err)
	}
	return text
}

// Unwrap returns the server's refusal.
func (e *VersionError) Unwrap() error { return e.Err }

// versionError returns the error for a server that names only these revisions.
func (s *Session) versionError(found []string, refusal error) error {
	wanted := slices.Clone(supportedVersions)
	if pinned := s.opts.ProtocolVersion; pinned != "" {
		wanted = []string{pinned}
	}
	return &VersionError{URL: s.conn.Endpoint(), Wanted: wanted, Found: slices.Clone(found[:min(len(found), maxVersions)]), Err: refusal}
}

// quoteAll lists a server's version strings for an error text.
func quoteAll(versions []string) string {
	shown := make([]string, 0, len(versions))
	for _, v := range versions[:min(len(versions), 8)] {
		shown = append(shown, fmt.Sprintf("%q", v[:min(len(v), 32)]))
	}
	return strings.Join(shown, ", ")
}
