// Package httpstatus classifies HTTP status codes (RFC 9110, section 15) for the whole library. All
// decisions about a status use its class; DESIGN.md, section 4, lists the deliberate exceptions.
package httpstatus

import "net/http"

// Class is what a status code says about the request and about sending it again.
type Class uint8

const (
	// Broken is any 5xx except 501 and 505: the request may have run. Codes outside 100 to 599
	// count as Broken (RFC 9110, section 15), and so do codes that gateways invented, such as 520.
	Broken Class = iota
	// Informational is a 1xx. As the final response it violates HTTP: this library never asks to
	// switch protocols.
	Informational
	// Success is a 2xx.
	Success
	// Redirect is a 3xx.
	Redirect
	// Denied is 401 or 403: credentials are missing or insufficient.
	Denied
	// NotFound is 404.
	NotFound
	// Conflict is 409.
	Conflict
	// Unsupported is 405, 501 or 505: the server does not support the request, so a retry cannot
	// succeed.
	Unsupported
	// Limited is 425 or 429: the request was not processed and may be sent again later (RFC 8470,
	// section 5.2; RFC 6585, section 4).
	Limited
	// Unsettled is 408: the server, or a gateway in front of it, did not receive the whole request
	// in time.
	Unsettled
	// Refused is any other 4xx.
	Refused
)

// Of returns the class of a status code.
func Of(status int) Class {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return Denied
	case http.StatusNotFound:
		return NotFound
	case http.StatusConflict:
		return Conflict
	case http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return Unsupported
	case http.StatusTooEarly, http.StatusTooManyRequests:
		return Limited
	case http.StatusRequestTimeout:
		return Unsettled
	}
	switch status / 100 {
	case 1:
		return Informational
	case 2:
		return Success
	case 3:
		return Redirect
	case 4:
		return Refused
	}
	return Broken
}

// Transient reports whether the same request may succeed later.
func (c Class) Transient() bool { return c == Limited || c == Unsettled || c == Broken }

// Unread reports whether a status means that the request was refused before its content was
// processed: because of the request's method, version, host, size or form. Sources: RFC 9110,
// sections 15.5.6 (405), 15.5.7 (406), 15.5.12 (411), 15.5.14 (413), 15.5.15 (414), 15.5.16 (415),
// 15.5.20 (421), 15.5.22 (426), 15.6.2 (501), 15.6.6 (505); RFC 6585, section 5 (431).
func Unread(status int) bool {
	switch status {
	case http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusLengthRequired,
		http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusUnsupportedMediaType,
		http.StatusMisdirectedRequest, http.StatusUpgradeRequired, http.StatusRequestHeaderFieldsTooLarge,
		http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return true
	}
	return false
}
