package oauth

import (
	"context"
	"net/url"
)

// Grant obtains tokens without a person: [ClientCredentials], [JWTBearer], [EnterpriseManaged].
type Grant interface {
	// tokenRequest returns the parameters of the token request, without resource,
	// scope and the client's authentication. at is the server and the resource they are for.
	tokenRequest(ctx context.Context, c *Client, at target) (url.Values, error)
	// authenticates reports whether the request carries the client's authentication besides.
	authenticates() bool
}

// target is what a token is for.
type target struct {
	resource string
	server   *ServerMetadata
	scopes   []string
}
