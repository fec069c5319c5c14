package oauth

import (
	"context"
	"slices"
	"time"
)

// Status is what a Client knows of its authorization. It holds no secret.
type Status struct {
	// Endpoint is the URL of the MCP server. Resource is its resource identifier, Issuer its
	// authorization server and ClientID this client's ID there. They are empty while unknown.
	Endpoint, Resource, Issuer, ClientID string
	// Authorized says that there is a token. Only a request can show whether the resource still
	// accepts it.
	Authorized bool
	// Scopes are the scopes of the token: those granted, else those requested.
	Scopes []string
	// Obtained and Expiry are the times when the token was obtained and when it expires. Expiry is
	// zero if the server did not say.
	Obtained, Expiry time.Time
	// Refreshable says that the token can be renewed without the user.
	Refreshable bool
	// DPoP says that the token is bound to a key.
	DPoP bool
	// Declined says that the user declined: only [Client.Login] asks them again.
	Declined bool
}

// Status returns what the Client knows. It may read the Store, and sends nothing.
func (c *Client) Status(ctx context.Context) (Status, error) {
	s := Status{Endpoint: c.name()}
	if err := c.load(ctx); err != nil {
		return s, err
	}
	s.Declined = c.known.isDeclined()
	tok := c.held.Load()
	if tok == nil {
		if at := c.known.target(); at != nil {
			s.Resource, s.Issuer = at.resource, at.server.Issuer
		}
		return s, nil
	}
	s.Authorized, s.Resource, s.Issuer, s.ClientID = true, tok.Resource, tok.Issuer, tok.ClientID
	s.Obtained, s.Expiry, s.DPoP = tok.Obtained, tok.Expiry, tok.key != nil
	s.Refreshable = c.cfg.Grant != nil || tok.isRefreshable()
	if s.Scopes = slices.Clone(tok.Granted); s.Scopes == nil {
		s.Scopes = slices.Clone(tok.Requested)
	}
	return s, nil
}
