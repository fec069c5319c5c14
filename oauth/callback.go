package oauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// Why redirect URIs differ: in a mix-up attack (RFC 9700 section 4.4), the authorization server of
// a malicious resource sends the user on to an honest server, with this client's ID there. The
// honest server's code then arrives in a login with the malicious server, whose token endpoint
// would get the code and the verifier. The parameter iss reveals that, but many servers do not send
// it. An honest server sends its codes only to redirect URIs that it registered. So each server
// gets its own path, and a login accepts callbacks only at the path of its server.

// pathDigits is the number of hexadecimal digits that distinguish the paths of servers.
const pathDigits = 24

// firstRedirect returns the redirect URI to propose for the first registration with a server. Its
// path is distinct for the issuer, and it has no port: the Login adds one.
func firstRedirect(issuer string) string {
	sum := sha256.Sum256([]byte(plainIssuer(issuer)))
	return "http://127.0.0.1/callback/" + hex.EncodeToString(sum[:])[:pathDigits]
}

// proposedRedirect returns the redirect URI of the last dynamic registration with a server. If that
// registration is missing or has expired, it returns firstRedirect. It returns "" if this client is
// not registered dynamically: its redirect URIs are then those that its operator registered.
func (c *Client) proposedRedirect(ctx context.Context, server *ServerMetadata) string {
	if !c.isDynamic(server) {
		return ""
	}
	stored, _, err := c.loadClient(ctx, server.Issuer)
	if err != nil || stored == nil || stored.hasExpired() || len(stored.redirectURIs) == 0 {
		return firstRedirect(server.Issuer)
	}
	return stored.redirectURIs[len(stored.redirectURIs)-1]
}

// checkRedirect returns an error if a redirect URI is invalid or would send a code unencrypted over
// a network.
func checkRedirect(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return errors.New("invalid redirect URI")
	case u.Fragment != "":
		return errors.New("the redirect URI has a fragment")
	case u.Scheme == "https", u.Scheme == "http" && httprule.IsLoopback(u.Hostname()):
		return nil
	}
	return errors.New("the redirect URI must be https, or http on loopback")
}

// checkArrival returns an error if a callback arrived at another path than that of the redirect
// URI. It does not compare hosts: behind a proxy, a program may see another one.
func checkArrival(callback *url.URL, redirectURI string) error {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return errors.New("invalid redirect URI")
	}
	if want, got := cmp.Or(u.EscapedPath(), "/"), cmp.Or(callback.EscapedPath(), "/"); got != want {
		return fmt.Errorf("%w: it arrived at the path %q, expected %q", ErrForeignCallback, redact.Clean(got, maxHost), redact.Clean(want, maxHost))
	}
	return nil
}
