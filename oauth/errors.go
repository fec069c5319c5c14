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
	// KindNetwork: an authorization server could not be reached, or failed (5xx, 429). A retry may
	// help.
	KindNetwork Kind = iota + 1
	// KindRefused: an authorization server refused a request, or the resource refused a new token.
	// After a refusal by the server, Code and Description say why.
	KindRefused
	// KindMetadata: the metadata of the resource or of its authorization server is missing, invalid
	// or not allowed.
	KindMetadata
	// KindRegistration: this client has no client ID for the authorization server, and cannot
	// register.
	KindRegistration
	// KindResponse: an authorization server sent an invalid response.
	KindResponse
	// KindLogin: the login failed on the client's side, for example because of a timeout.
	KindLogin
	// KindDeclined: the user declined the login. See [ErrDeclined].
	KindDeclined
	// KindLoginRequired: the user must log in, and Config.Login is nil.
	KindLoginRequired
	// KindScope: the token has the requested scopes, but the resource demands more.
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

// Error says why a [Client] could not obtain a token. It wraps the cause. It contains no tokens,
// authorization codes, secrets or URL queries. If an answer was refused for a value, it wraps a
// [*DocumentError], a [*URLError], a [*RedirectError], a [*LimitError] or an [*IssuerError].
type Error struct {
	// Kind is the category of the failure.
	Kind Kind
	// Op names the operation that failed, such as "refresh token".
	Op string
	// URL is where the request went or the refused answer came from, without userinfo, query and
	// fragment. It is empty if there was none.
	URL string
	// Status is the HTTP status of the refused answer, or 0 if it did not matter.
	Status int
	// Code is the error code from the authorization server (RFC 6749 sections 4.1.2.1 and 5.2), or
	// "" if there is none. Description is the server's error_description, truncated and without
	// control characters.
	Code, Description string
	// Err is the cause. It may be nil.
	Err error
}

// Error returns the operation, the URL, the kind and the cause, on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("oauth: ")
	cause := ""
	if e.Err != nil {
		cause = strings.TrimPrefix(e.Err.Error(), "oauth: ")
	}
	if e.Op != "" {
		b.WriteString(e.Op)
		if e.URL != "" && !strings.Contains(cause, e.URL) {
			b.WriteString(" at " + e.URL)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Kind.String())
	for _, part := range []string{e.Code, e.Description, cause} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	return b.String()
}

// because returns the URL and the cause, without the operation and the kind.
func (e *Error) because() string {
	if e.Err == nil {
		return e.Error()
	}
	if cause := e.Err.Error(); strings.Contains(cause, e.URL) {
		return cause
	}
	return e.URL + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether a retry is pointless until the configuration or the server changes, or
// the user logs in.
func (e *Error) Permanent() bool {
	return e.Kind != KindNetwork && e.Kind != KindStore && e.Kind != KindLogin
}

// FromPeer reports whether an authorization server or the resource caused the error, rather than
// the client, the user or the network.
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

const maxDescription = 300 // maximum length of a Description, in bytes

// URLError says that the client refused to send a request to a URL that a server named. An [*Error]
// wraps it.
type URLError struct {
	// URL is the refused URL and From the URL of the document that named it, both without userinfo,
	// query and fragment. From is empty if a URL was refused only when it was used.
	URL, From string
	// Host is the URL's host, or "" if the URL has none.
	Host string
	// Reason says why the URL was refused.
	Reason string

	outside bool // refused only because the resource is not known to be inside
}

// Error names the URL and the document.
func (e *URLError) Error() string {
	text := fmt.Sprintf("URL %q refused: %s", cmp.Or(e.URL, e.Host), e.Reason)
	if e.From != "" {
		text = fmt.Sprintf("the answer from %s: %s", e.From, text)
	}
	return text
}

// RedirectError says that the client did not follow a redirect from a metadata URL or an
// authorization server. The client follows at most three redirects of a GET, only to the same
// origin, and no redirects of a POST. An [*Error] wraps it.
type RedirectError struct {
	// URL is the URL that redirects, without userinfo, query and fragment.
	URL string
	// Status is the redirect's HTTP status.
	Status int
	// Origin is the target's scheme, host and port, or "" if the target is not a valid URL.
	Origin string
	// Reason says why the redirect was not followed.
	Reason string
}

// Error names the URL and the target's origin.
func (e *RedirectError) Error() string {
	return fmt.Sprintf("redirect %d from %s to %q not followed: %s", e.Status, e.URL, e.Origin, e.Reason)
}

// DocumentError says that an answer of a server is invalid: a metadata document, a registration, a
// token or a callback. An [*Error] wraps it.
type DocumentError struct {
	// URL is where the answer came from, without userinfo, query and fragment. If it is empty, see
	// Error.URL.
	URL string
	// Reason says what is wrong. It quotes no values from the answer.
	Reason string
	// Found is the value that was refused, and Wanted the value that the client accepts. Both are
	// empty if there is no such value. They hold at most 255 bytes, and URLs in them have neither
	// userinfo nor query.
	Found, Wanted string

	isOther bool // the answer is not a document of the kind that was requested
}

// Error returns the URL, the reason and both values.
func (e *DocumentError) Error() string {
	text := e.Reason
	if e.URL != "" {
		text = fmt.Sprintf("the answer from %s: %s", e.URL, e.Reason)
	}
	if e.Wanted != "" {
		text += fmt.Sprintf(": expected %q, got %q", e.Wanted, e.Found)
	}
	return text
}

// LimitError says that a server sent more than a limit allows. An [*Error] wraps it.
type LimitError struct {
	// What names the limit and its unit, such as "bytes of a document".
	What string
	// Limit is the maximum that is allowed.
	Limit int
	// Found is how much the server sent. It is 0 if the rest was not read.
	Found int
}

// Error returns both values and the name of the limit.
func (e *LimitError) Error() string {
	text := fmt.Sprintf("more than the limit of %d %s", e.Limit, e.What)
	if e.Found > 0 {
		text += fmt.Sprintf(", got %d", e.Found)
	}
	return text
}

// statusError says that a response had an unexpected status.
type statusError struct {
	url    string
	status int
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d from %s", e.status, e.url) }
