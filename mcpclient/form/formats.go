package form

import (
	"net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/urichars"
)

// format describes one format of a string.
type format struct {
	matches func(text string) bool
	reason  string // the FieldError.Reason for a text that does not match
}

// formats holds the formats that the protocol defines (2026-07-28, StringSchema), by name.
var formats = map[string]*format{
	"email":     {isEmail, "must be an e-mail address, such as ada@example.com"},
	"uri":       {isURI, "must be a complete URL, such as https://example.com/"},
	"date":      {isDate, "must be a date, such as 2026-07-28"},
	"date-time": {isDateTime, "must be a date and time with a time zone, such as 2026-07-28T09:30:00Z"},
}

// maxEmail is the maximum length of an address in bytes: 64 for the local part, 1 for the @ and 255
// for the domain (RFC 5321 section 4.5.3.1).
const maxEmail = 64 + 1 + 255

// isEmail reports whether text is a bare address (RFC 5322 addr-spec) without a display name or
// comments.
func isEmail(text string) bool {
	if len(text) > maxEmail {
		return false
	}
	a, err := mail.ParseAddress(text)
	return err == nil && a.Name == "" && a.Address == text
}

// isURI reports whether text is an absolute URI (RFC 3986 section 3).
func isURI(text string) bool {
	if !urichars.Valid(text) {
		return false
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || !u.IsAbs():
		return false
	case u.Scheme == "http" || u.Scheme == "https":
		return u.Hostname() != ""
	}
	return u.Opaque != "" || u.Host != "" || u.Path != ""
}

// isDate reports whether text is a full-date (RFC 3339 section 5.6).
func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// isDateTime reports whether text is a date-time (RFC 3339 section 5.6). The T and the Z may be
// lower case. The extra checks are needed because time.Parse also accepts a one-digit hour, a comma
// before the fraction and zones beyond 23:59.
func isDateTime(text string) bool {
	text = strings.ToUpper(text)
	if _, err := time.Parse(time.RFC3339, text); err != nil || text[len("2006-01-02T15")] != ':' || strings.Contains(text, ",") {
		return false
	}
	if strings.HasSuffix(text, "Z") {
		return true
	}
	zone := text[len(text)-len("07:00"):]
	return zone[:2] <= "23" && zone[3:] <= "59"
}
