package oauth

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Kind says why no token was obtained.
type Kind uint8

// The kinds of an [*Error].
const (
	// KindNetwork: an authorization server was not reached, or failed (5xx, 429). A retry may help.
	KindNetwork Kind = iota + 1
	// KindRefused: an authorization server refused. Code and Description say why.
	KindRefused
	// KindMetadata: the metadata of the resource or of its authorization server are missing,
	// invalid or not allowed.
	KindMetadata
	// KindRegistration: the authorization server does not know this client, and it cannot be
	// registered.
	KindRegistration
	// KindResponse: the answer of an authorization server is invalid.
	KindResponse
	// KindLogin: the login failed on this side: no browser, or a timeout.
	KindLogin
	// KindDeclined: the user declined, see [ErrDeclined].
	KindDeclined
	// KindLoginRequired: the user must log in, and Config.Login is nil.
	KindLoginRequired
	// KindScope: the token has the requested scopes, and the resource demands more.
	KindScope
	// KindStore: the [Store] failed.
	KindStore
	// KindConfig: the configuration does not work with this server.
	KindConfig
	// KindClosed: the [Client] was closed.
	KindClosed
)

var kindNames = map[Kind]string{
	KindNetwork: "authorization server unavailable", KindRefused: "refused by the authorization server", KindMetadata: "bad metadata",
	KindRegistration: "not registered", KindResponse: "bad response from the authorization server", KindLogin: "login failed",
	KindDeclined: "declined", KindLoginRequired: "login required", KindScope: "insufficient scope", KindStore: "token store",
	KindConfig: "configuration", KindClosed: "closed",
}

// String returns the kind in words.
func (k Kind) String() string { return cmp.Or(kindNames[k], "error") }

// Error is the error of a [Client] that cannot obtain a token. It wraps its cause. It holds no
// token, code, secret or query of a URL.
type Error struct {
	// Kind says why.
	Kind Kind
	// Op is what the client was doing, in a few words: "refresh token".
	Op string
	// Code is the error code from the authorization server (RFC 6749 sections 4.1.2.1 and 5.2), ""
	// if there is none. Description is its error_description, bounded and without control
	// characters.
	Code, Description string
	// Err is the cause. It may be nil.
	Err error
}

// Error returns the operation, the kind and the cause, on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("oauth: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Kind.String())
	for _, part := range []string{e.Code, e.Description} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.Err != nil {
		b.WriteString(": " + strings.TrimPrefix(e.Err.Error(), "oauth: "))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether a retry is pointless until something changes: the configuration, the
// server, or the user's mind.
func (e *Error) Permanent() bool {
	return e.Kind != KindNetwork && e.Kind != KindStore && e.Kind != KindLogin
}

// FromPeer reports whether the error came from an authorization server or the resource, rather than
// from this side.
func (e *Error) FromPeer() bool {
	switch e.Kind {
	case KindRefused, KindMetadata, KindResponse, KindScope:
		return true
	default:
		return false
	}
}

// KindOf returns the kind of err, or 0 if err is not from this package.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// codeOf returns the error code of an authorization server's refusal, or "" for other errors.
func codeOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Kind == KindRefused {
		return e.Code
	}
	return ""
}

// ErrClosed is wrapped by the errors of a closed [Client].
var ErrClosed = errors.New("oauth: client closed")

const maxDescription = 300 // bytes of a server's description that are kept

// URLError says that nothing was sent to a URL named by a peer. An [*Error] wraps it.
type URLError struct {
	// Host is the URL's host, empty if it has none.
	Host string
	// Reason says why.
	Reason string

	outside bool // only because the resource is not known to be inside
}

// Error names the host.
func (e *URLError) Error() string {
	if e.Host == "" {
		return "URL refused: " + e.Reason
	}
	return fmt.Sprintf("URL of host %q refused: %s", e.Host, e.Reason)
}

// RedirectError is a redirect of an authorization server or of a metadata document that was not
// followed. A GET follows at most three redirects to the same origin, a POST none. An [*Error]
// wraps it.
type RedirectError struct {
	// Status is the redirect's HTTP status.
	Status int
	// Origin is the target's scheme, host and port, empty if the target is not a URL.
	Origin string
	// Reason says why it was refused.
	Reason string
}

// Error names the target's origin.
func (e *RedirectError) Error() string {
	return fmt.Sprintf("redirect %d to %q not followed: %s", e.Status, e.Origin, e.Reason)
}

// DocumentError says that a document from a server is invalid. An [*Error] wraps it.
type DocumentError struct {
	// Origin is where it came from: scheme, host and port.
	Origin string
	// Reason says what is wrong, in this package's words.
	Reason string

	isPage bool // it is not JSON
}

// Error returns the origin and the reason.
func (e *DocumentError) Error() string {
	return fmt.Sprintf("the document from %s: %s", e.Origin, e.Reason)
}

// LimitError says that a server sent more than a limit allows. An [*Error] wraps it.
type LimitError struct {
	// What is the limit's name, with its unit: "bytes of a document".
	What string
	// Limit is its value.
	Limit int
}

// Error returns the limit with its unit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("more than the limit of %d %s", e.Limit, e.What)
}

// statusError is an unexpected status of a response.
type statusError struct {
	origin string
	status int
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d from %s", e.status, e.origin) }
