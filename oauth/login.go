package oauth

import (
	"context"
	"errors"
)

// Login takes a person to the authorization server and back: package
// oauth/loopback does it with a browser on this machine. It is called for one
// login at a time, with a context of the [Client]'s own, which bounds it.
//
// Login returns when flow.Complete has returned nil or an error other than
// [ErrForeignCallback], and then returns that error, or when it fails itself; [ErrDeclined] is
// wrapped if the person does not want to.
type Login interface {
	Login(ctx context.Context, flow Flow) error
}

// Flow is one authorization in progress, for a [Login]. First AuthorizationURL
// is called, once, then Complete for each callback that arrives.
type Flow interface {
	// Resource is the URL of the server that wants authorization, to show to the person.
	Resource() string
	// RedirectURI is the one that was used last time with this server, "" if
	// none: using it again, the same port of loopback, saves a registration.
	RedirectURI() string
	// AuthorizationURL returns the page to visit. redirectURI is where the authorization
	// server sends the person back to: http on loopback, or https.
	AuthorizationURL(ctx context.Context, redirectURI string) (string, error)
	// Complete takes the whole URL that the person was sent back to, checks it, and
	// exchanges the code. [ErrForeignCallback] is wrapped if it does not belong to this
	// flow (wrong or missing state): the right one may still come.
	Complete(ctx context.Context, callbackURL string) error
}

var (
	// ErrDeclined says that the person did not authorize. It holds for every call
	// until [Client.Login] is called.
	ErrDeclined = errors.New("oauth: the person declined")
	// ErrForeignCallback says that a callback does not belong to this login.
	ErrForeignCallback = errors.New("oauth: this callback does not belong to the login in progress")
)

// LoginFunc makes a Login of a function.
type LoginFunc func(ctx context.Context, flow Flow) error

// Login calls f.
func (f LoginFunc) Login(ctx context.Context, flow Flow) error { return f(ctx, flow) }
