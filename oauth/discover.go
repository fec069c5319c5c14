package oauth

import (
	"context"
	"time"
)

// discover finds the endpoint's resource metadata and authorization server. hints
// are the resource_metadata URLs from the challenge. cur is the current token, or nil.
func (c *Client) discover(ctx context.Context, hints []string, cur *token) (at *target, err error) {
	err = c.fromWhereItIs(ctx, func() error {
		at, err = c.discoverOnce(ctx, hints, cur)
		return err
	})
	return at, err
}

// fromWhereItIs calls do. If do refuses a URL only because the resource is not known to be private,
// fromWhereItIs sends a request to the resource's origin. If the resource turns out to be private,
// it calls do again. This helps when a stored token or a challenge names a private URL before the
// client has reached the resource.
func (c *Client) fromWhereItIs(ctx context.Context, do func() error) error {
	err := do()
	if isOutside(err) && c.discovery.locate(ctx, c.endpoint) {
		err = do()
	}
	return err
}

func (c *Client) discoverOnce(ctx context.Context, hints []string, cur *token) (*target, error) {
	resource, err := c.discovery.resource(ctx, c.endpoint, hints)
	if err != nil {
		return nil, asError(err, "discover resource", c.name())
	}
	pinned, err := c.pinned(ctx)
	if err != nil {
		return nil, err
	}
	issuer, err := c.chooseIssuer(resource.AuthorizationServers, pinned, cur)
	if err != nil {
		return nil, located(err, resource.from, c.name())
	}
	server, err := c.discovery.server(ctx, issuer, resource.Guessed)
	if err != nil {
		return nil, alsoTried(namedBy(asError(err, "discover authorization server", shownURL(issuer)), resource.from), resource.tried)
	}
	if server.Guessed {
		if resource.refused {
			return nil, alsoTried(resource.tried, server.tried)
		}
		server.tried = alsoTried(resource.tried, server.tried)
	}
	if err := c.pin(ctx, issuer); err != nil {
		return nil, located(err, resource.from, c.name())
	}
	at := target{
		resource: resource.Resource, server: server, supported: resource.ScopesSupported, bound: resource.DPoPRequired, found: time.Now(),
	}
	c.known.setTarget(&at)
	mine := at // c.known shares at with other goroutines
	return &mine, nil
}

// chooseIssuer chooses one of the authorization servers that a resource names. In order of
// preference: Config.Issuer, the server that the client's credentials are pinned to, the issuer of
// the current token, the first server.
func (c *Client) chooseIssuer(named []string, pinned string, cur *token) (string, error) {
	if len(named) == 0 {
		return "", &Error{Kind: KindMetadata, Op: "choose authorization server", Err: &DocumentError{
			Reason: "the resource names no authorization servers", Wanted: "authorization_servers", Found: "none",
		}}
	}
	if c.cfg.Issuer != "" {
		if issuer := findIssuer(named, c.cfg.Issuer); issuer != "" {
			return issuer, nil
		}
		return "", &Error{Kind: KindConfig, Op: "choose authorization server", Err: &DocumentError{
			URL: c.name(), Reason: "the resource does not name Config.Issuer", Wanted: shownURL(c.cfg.Issuer), Found: shownURL(named[0]),
		}}
	}
	if pinned != "" {
		if issuer := findIssuer(named, pinned); issuer != "" {
			return issuer, nil
		}
		return "", pinError(pinned, named[0])
	}
	if cur != nil {
		if issuer := findIssuer(named, cur.Issuer); issuer != "" {
			return issuer, nil
		}
	}
	return named[0], nil
}

// metadataAge is how long serverOf reuses the metadata of an authorization server.
const metadataAge = time.Hour

// serverOf returns the metadata of the authorization server that issued a token.
func (c *Client) serverOf(ctx context.Context, tok *token) (*ServerMetadata, error) {
	if at := c.known.target(); at != nil && sameIssuer(at.server.Issuer, tok.Issuer) && time.Since(at.found) < metadataAge {
		return at.server, nil
	}
	var server *ServerMetadata
	err := c.fromWhereItIs(ctx, func() (err error) {
		server, err = c.discovery.server(ctx, tok.Issuer, tok.Guessed)
		return err
	})
	if err != nil {
		return nil, asError(err, "discover authorization server", shownURL(tok.Issuer))
	}
	return server, nil
}

// ResourceMetadata is the metadata of a protected resource (RFC 9728 section 2).
type ResourceMetadata struct {
	Resource               string   `json:"resource"`
	AuthorizationServers   []string `json:"authorization_servers"`
	ScopesSupported        []string `json:"scopes_supported"`
	BearerMethodsSupported []string `json:"bearer_methods_supported"`
	ResourceName           string   `json:"resource_name"`
	DPoPAlgorithms         []string `json:"dpop_signing_alg_values_supported"`
	DPoPRequired           bool     `json:"dpop_bound_access_tokens_required"`

	// Guessed says that the resource has no metadata, because it predates revision 2025-06-18. Its
	// authorization server is then its own origin.
	Guessed bool `json:"-"`

	from    string // URL of the document, for errors
	refused bool   // guessed, and a URL answered other than with 404: the server needs metadata
	tried   error  // if guessed: what the URLs answered
}

// ServerMetadata is the metadata of an authorization server (RFC 8414 section 2, OpenID Connect
// Discovery 1.0 section 3).
type ServerMetadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	ScopesSupported       []string `json:"scopes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	GrantProfiles         []string `json:"authorization_grant_profiles_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgorithms   []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	DPoPAlgorithms        []string `json:"dpop_signing_alg_values_supported"`
	ClientIDMetadata      bool     `json:"client_id_metadata_document_supported"`
	IssuerInResponse      bool     `json:"authorization_response_iss_parameter_supported"`

	// Guessed says that the server has no metadata, and that the endpoints are the defaults of
	// revision 2025-03-26.
	Guessed bool `json:"-"`

	from  string // URL of the document, for errors
	named string // the issuer as the resource metadata spells it
	tried error  // if guessed: what the URLs answered where metadata of the resource or the server may be
}
