package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// storedClient is the stored form of a dynamic registration.
type storedClient struct {
	ID        string    `json:"client_id"`
	Secret    string    `json:"client_secret,omitempty"`
	Auth      string    `json:"token_endpoint_auth_method,omitempty"`
	Redirects []string  `json:"redirect_uris,omitempty"`
	Scopes    []string  `json:"scopes,omitempty"`
	Limited   bool      `json:"limited,omitempty"`
	Expires   time.Time `json:"expires,omitzero"`
}

// Format hides the secret.
func (storedClient) Format(f fmt.State, _ rune) { redact.Write(f, redacted) }

// isDynamic reports whether this client needs dynamic registration with a server, because it has
// neither a client ID nor a metadata document that the server supports.
func (c *Client) isDynamic(server *ServerMetadata) bool {
	r := &c.cfg.Registration
	return r.ClientID == "" && (r.MetadataURL == "" || !server.ClientIDMetadata)
}

// register returns this client's identity for a server. It stores a dynamic registration and uses
// it again for later logins with the same redirect URI, unless replace is true. A new registration is
// for these scopes, to which some servers limit the client. If the server confirmed the scopes of the
// stored registration (RFC 7591 section 3.2.1), a login for others registers first: the user would
// otherwise be prompted twice.
func (c *Client) register(ctx context.Context, server *ServerMetadata, redirectURI string, scopes []string, replace bool) (*registered, error) {
	if !c.isDynamic(server) {
		return c.configured(ctx, server)
	}
	stored, _, err := c.loadClient(ctx, server.Issuer)
	if err != nil {
		return nil, err
	}
	if !replace && stored != nil && !stored.hasExpired() && slices.Contains(stored.redirectURIs, redirectURI) && stored.allows(scopes) {
		return c.adjust(ctx, server, stored), nil
	}
	who, err := c.registrar.register(ctx, server, redirectURI, scopes)
	if err != nil {
		return nil, err
	}
	who.isNew = true
	return who, c.keepClient(ctx, who)
}

// keepClient stores a registration for the next login. It may overwrite another registration,
// because each stored token includes the credentials of its own registration.
func (c *Client) keepClient(ctx context.Context, who *registered) error {
	data, err := json.Marshal(storedClient{ //nolint:gosec // for the Store
		ID: who.clientID, Secret: who.secret, Auth: who.authMethod, Redirects: who.redirectURIs, Scopes: who.scopes, Limited: who.limited,
		Expires: who.expires,
	})
	if err != nil {
		return err
	}
	for range maxConflicts {
		_, version, err := c.loadClient(ctx, who.issuer)
		if err != nil {
			return err
		}
		if _, err = c.store.Save(ctx, clientKey(who.issuer), data, version); !errors.Is(err, ErrConflict) {
			return storeError(ctx, "save registration", err)
		}
	}
	return nil // the next login can use the registration that another process stored
}

// allows reports whether the server may accept a login for these scopes.
func (r registered) allows(scopes []string) bool { return !r.limited || contains(r.scopes, scopes) }

func (r registered) hasExpired() bool { return !r.expires.IsZero() && !time.Now().Before(r.expires) }

// identity returns this client's identity for a server, and never registers the client. For a
// dynamically registered client, the identity is the one that tok was issued to or, if tok is nil,
// the stored registration.
func (c *Client) identity(ctx context.Context, server *ServerMetadata, tok *token) (*registered, error) {
	switch {
	case !c.isDynamic(server):
		return c.configured(ctx, server)
	case tok != nil:
		who := &registered{clientID: tok.ClientID, secret: tok.ClientSecret, authMethod: tok.ClientAuth, issuer: server.Issuer}
		return c.adjust(ctx, server, who), nil
	}
	stored, _, err := c.loadClient(ctx, server.Issuer)
	switch {
	case err != nil:
		return nil, err
	case stored == nil:
		return nil, &Error{Kind: KindRegistration, Op: "authenticate", URL: server.from, Err: errors.New("no client id")}
	}
	return c.adjust(ctx, server, stored), nil
}

// configured returns the identity that the configuration gives this client for a server.
func (c *Client) configured(ctx context.Context, server *ServerMetadata) (*registered, error) {
	who, err := c.registrar.register(ctx, server, "", nil)
	if err != nil {
		return nil, err
	}
	return c.adjust(ctx, server, who), nil
}

func (c *Client) loadClient(ctx context.Context, issuer string) (*registered, string, error) {
	data, version, err := c.read(ctx, "load registration", clientKey(issuer))
	if version == "" {
		return nil, "", err
	}
	var s storedClient
	if json.Unmarshal(data, &s) != nil || s.ID == "" {
		c.log.Warn("a stored registration is damaged", "issuer", issuer)
		return nil, version, nil //nolint:nilerr // treated as missing
	}
	return &registered{
		clientID: s.ID, secret: s.Secret, authMethod: s.Auth, redirectURIs: s.Redirects, scopes: s.Scopes, limited: s.Limited,
		expires: s.Expires, issuer: issuer,
	}, version, nil
}

// unregister deletes a registration from the Store, so that the next login registers again.
func (c *Client) unregister(ctx context.Context, issuer, clientID string) {
	stored, version, err := c.loadClient(ctx, issuer)
	if err == nil && stored != nil && stored.clientID == clientID {
		err = c.store.Delete(ctx, clientKey(issuer), version)
	}
	if err != nil && !errors.Is(err, ErrConflict) {
		c.log.Warn("could not delete a registration", "issuer", issuer, "error", err)
	}
	c.unlearn(ctx, issuer, clientID)
}

// forgetClient deletes the registration with the authorization server of the endpoint, and what
// worked for the configured client ID.
func (c *Client) forgetClient(ctx context.Context) {
	b, _, err := c.loadBinding(ctx)
	if err != nil || b == nil {
		return
	}
	if id := cmp.Or(c.cfg.Registration.ClientID, c.cfg.Registration.MetadataURL); id != "" {
		c.unlearn(ctx, b.Issuer, id)
	}
	if stored, _, err := c.loadClient(ctx, b.Issuer); err == nil && stored != nil {
		c.unregister(ctx, b.Issuer, stored.clientID)
	}
}

// Why credentials are pinned: a resource names its authorization server, and may name a different
// server later. Tokens and dynamic registrations belong to the server that issued them, so the
// client never sends them to a different server. Configured credentials (a client ID with its
// secret, or an assertion) could be sent to any server. If the configuration does not name the
// server they are for, the client pins them in the Store to the first server that it chooses for
// the resource.

// isPinned reports whether credentials must be pinned: the configuration has credentials, but does
// not name the server they are for. The assertions of a key with an audience are such credentials:
// a server that gets one can present it to the audience.
func (c *Client) isPinned() bool {
	r := &c.cfg.Registration
	assertion := c.cfg.Grant != nil && !c.cfg.Grant.authenticates()
	replayable := r.Key != nil && r.Key.Audience != ""
	return c.cfg.Issuer == "" && (r.ClientID != "" && r.Issuer == "" || r.ClientID == "" && (assertion || replayable))
}

// pinned returns the only issuer that may receive the configured credentials, or "" if there is no
// such restriction yet.
func (c *Client) pinned(ctx context.Context) (string, error) {
	switch r := &c.cfg.Registration; {
	case r.ClientID != "" && r.Issuer != "":
		return r.Issuer, nil
	case !c.isPinned():
		return "", nil
	}
	issuer, _, err := c.read(ctx, "load issuer", c.pinKey())
	return string(issuer), err
}

// pin pins the configured credentials to an issuer before they are sent there. It returns an error
// if they are already pinned to a different issuer.
func (c *Client) pin(ctx context.Context, issuer string) error {
	if !c.isPinned() {
		return nil
	}
	_, err := c.store.Save(ctx, c.pinKey(), []byte(issuer), "")
	if !errors.Is(err, ErrConflict) {
		return storeError(ctx, "save issuer", err)
	}
	before, err := c.pinned(ctx)
	if err == nil && !sameIssuer(before, issuer) {
		err = pinError(before, issuer)
	}
	return err
}

func (c *Client) pinKey() string {
	return issuerKey(c.endpoint.String(), c.cfg.Registration.ClientID)
}

func pinError(before, named string) error {
	return &Error{Kind: KindRegistration, Op: "choose authorization server", Err: &IssuerError{before, named}}
}
