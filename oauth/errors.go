package oauth

import (
	"errors"
	"strings"
)

// Kind says why there is no token.
type Kind uint8

// The kinds of an [*Error].
const (
	// KindNetwork: an authorization server was not reached, or it failed (5xx, 429): trying again can help.
	KindNetwork Kind = iota + 1
	// KindRefused: an authorization server refused; Code and Description say why.
	KindRefused
	// KindMetadata: the metadata of the resource or of its authorization server are missing, wrong or forbidden.
	KindMetadata
	// KindRegistration: this client is unknown to the authorization server and cannot become known.
	KindRegistration
	// KindResponse: an authorization server's answer is not what it must be.
	KindResponse
	// KindLogin: the login failed on this side: no browser, no time left.
	KindLogin
	// KindDeclined: the person declined, see [ErrDeclined].
	KindDeclined
	// KindLoginRequired: only a person can help, and Config.Login is nil.
	KindLoginRequired
	// KindScope: the token has what was asked for, and the resource wants more.
	KindScope
	// KindStore: the [Store] failed.
	KindStore
	// KindConfig: the configuration cannot work with this server.
	KindConfig
	// KindClosed: the [Client] was closed.
	KindClosed
)

var kindNames = [...]string{
	KindNetwork: "authorization server unavailable", KindRefused: "refused by the authorization server", KindMetadata: "bad metadata",
	KindRegistration: "not registered", KindResponse: "bad answer of the authorization server", KindLogin: "login failed",
	KindDeclined: "declined", KindLoginRequired: "login required", KindScope: "insufficient scope", KindStore: "token store",
	KindConfig: "configuration", KindClosed: "closed",
}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "error"
}

// Error is how a [Client] fails to obtain a token. It wraps its cause, and holds no
// token, code, secret or query of a URL.
type Error struct {
	// Kind says why.
	Kind Kind
	// Op is what was being done, in a few words: "refresh token".
	Op string
	// Code is the error code that the authorization server sent (RFC 6749 sections 4.1.2.1
	// and 5.2), "" if none. Description is what it said besides, bounded and without control characters.
	Code, Description string
	// Err is the cause; may be nil.
	Err error
}

// Error names what was being done, what happened and the cause, on one line.
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

// Permanent reports whether trying the same again cannot help, unless something is changed
// first: the configuration, the server, the person's mind.
func (e *Error) Permanent() bool {
	return e.Kind != KindNetwork && e.Kind != KindStore && e.Kind != KindLogin
}

// FromPeer reports whether an authorization server or the resource said it; else this side did.
func (e *Error) FromPeer() bool {
	switch e.Kind {
	case KindRefused, KindMetadata, KindResponse, KindScope:
		return true
	default:
		return false
	}
}

// KindOf returns the kind of err, 0 if it is not of this package.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// codeOf returns the error code with which an authorization server refused, "" if
// it did not.
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
