package oauth

import (
	"context"
	"errors"
)

// Login sends the user to the authorization server and waits for them to come back. Package
// oauth/loopback does it with a browser on this machine. It is called for one login at a time, with
// a context of the [Client] that bounds the login.
//
// Login returns nil, its own error, or the error of flow.Complete. It must not return
// [ErrForeignCallback]. Its error wraps [ErrDeclined] if the user does not want to authorize.
type Login interface {
	Login(ctx context.Context, flow Flow) error
}

// Flow is one authorization in progress, for a [Login]. The Login calls AuthorizationURL once, then
// Complete for each callback that arrives.
type Flow interface {
	// Resource is the URL of the server that requires authorization, to show to the user.
	Resource() string
	// RedirectURI is the redirect URI of the last login with this server, "" if there is none.
	// Using it again, which means the same loopback port, saves a registration.
	RedirectURI() string
	// AuthorizationURL returns the page to open. redirectURI is where the authorization server
	// sends the user back to: http on loopback, or https.
	AuthorizationURL(ctx context.Context, redirectURI string) (string, error)
	// Complete takes the full URL that the user was sent back to, checks it, and exchanges the
	// code. Its error wraps [ErrForeignCallback] if the callback does not belong to this flow
	// (wrong or missing state): the right callback may still arrive.
	Complete(ctx context.Context, callbackURL string) error
}

var (
	// ErrDeclined says that the user did not authorize. The user is not asked again until
	// [Client.Login] is called.
	ErrDeclined = errors.New("oauth: the user declined")
	// ErrForeignCallback says that a callback does not belong to this login.
	ErrForeignCallback = errors.New("oauth: this callback does not belong to the login in progress")
)

// LoginFunc is a function that implements Login.
type LoginFunc func(ctx context.Context, flow Flow) error

// Login calls f.
func (f LoginFunc) Login(ctx context.Context, flow Flow) error { return f(ctx, flow) }
