package oauth

import "fmt"

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
