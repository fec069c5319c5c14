// Package urichars classifies the characters of URIs (RFC 3986 section 2).
package urichars

import "strings"

// Unreserved reports whether b never needs an escape.
func Unreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~", b) >= 0
}

// Reserved reports whether b can delimit the parts of a URI.
func Reserved(b byte) bool { return strings.IndexByte(":/?#[]@!$&'()*+,;=", b) >= 0 }

// Escape reports whether s begins with a percent sign and two hexadecimal digits.
func Escape(s string) bool { return len(s) >= 3 && s[0] == '%' && hex(s[1]) && hex(s[2]) }

func hex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

// Valid reports whether text has only characters that a URI may have, and no incomplete escape. It
// refuses spaces, control characters, quotes, backslashes and everything that is not ASCII.
func Valid(text string) bool {
	for i := range len(text) {
		if b := text[i]; !Unreserved(b) && !Reserved(b) && !Escape(text[i:]) {
			return false
		}
	}
	return true
}
