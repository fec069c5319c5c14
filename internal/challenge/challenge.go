// Package challenge reads WWW-Authenticate header fields (RFC 9110 sections 11.3 and 11.6.1).
package challenge

import (
	"slices"
	"strings"
)

// Limits on what a peer can make the parser store. The parser ignores whatever exceeds a limit.
const (
	// MaxBytes bounds the total size of all values.
	MaxBytes = 32 << 10
	// MaxChallenges bounds the number of challenges.
	MaxChallenges = 32
	// MaxParams bounds the number of parameters of one challenge.
	MaxParams = 32
)

// Challenge is one way to authenticate that a server offers.
type Challenge struct {
	// Scheme is the auth-scheme as it was sent; see [Challenge.Is].
	Scheme string
	// Token68 is a value that some schemes send instead of parameters. It is usually empty.
	Token68 string

	params []param
}

type param struct{ name, value string }

// Is reports whether the challenge has the given scheme, ignoring case.
func (c *Challenge) Is(scheme string) bool { return strings.EqualFold(c.Scheme, scheme) }

// Param returns the value of a parameter, unquoted, or "" if it is missing. Names are compared
// without regard to case. If a parameter is duplicated, Param returns its first value.
func (c *Challenge) Param(name string) string {
	for _, p := range c.params {
		if strings.EqualFold(p.name, name) {
			return p.value
		}
	}
	return ""
}

// ParamValues returns the values of a parameter that are not empty, in order.
func (c *Challenge) ParamValues(name string) []string {
	var values []string
	for _, p := range c.params {
		if strings.EqualFold(p.name, name) && p.value != "" {
			values = append(values, p.value)
		}
	}
	return values
}

// HasError reports whether a Bearer or DPoP challenge has the given error code (RFC 6750 section 3,
// RFC 9449 section 7.1).
func HasError(values []string, code string) bool {
	return slices.ContainsFunc(Parse(values), func(c Challenge) bool {
		return (c.Is("Bearer") || c.Is("DPoP")) && c.Param("error") == code
	})
}

// Parse returns the challenges in all values of a header field, in order.
//
// Text that violates the grammar is skipped up to the next comma. Common mistakes of servers are
// tolerated: unquoted values with characters that require quotes, as in URLs, and parameters
// without a comma between them.
func Parse(values []string) []Challenge {
	var p parser
	left := MaxBytes
	for _, v := range values {
		if left <= 0 {
			break
		}
		v = v[:min(len(v), left)]
		left -= len(v)
		p.rest, p.open = v, false
		p.field()
	}
	return p.all
}

// parser reads one header value at a time.
type parser struct {
	all  []Challenge
	open bool   // the last challenge is from this header value, and may get more parameters
	rest string // unread rest of the header value
}

func (p *parser) field() {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t,")
		if p.rest == "" {
			return
		}
		name, after := cutToken(p.rest)
		value, isParam := strings.CutPrefix(skipSpace(after), "=")
		switch {
		case name == "":
			p.skip()
		case isParam:
			p.rest = value
			p.param(name)
		case after != "" && after[0] != ' ' && after[0] != '\t' && after[0] != ',':
			p.open = false // the following parameters belong to a scheme without a name
			p.skip()
		default:
			p.rest = after
			p.scheme(name)
		}
	}
}

// scheme begins a challenge. It also reads the challenge's token68, if there is one.
func (p *parser) scheme(name string) {
	p.open = len(p.all) < MaxChallenges
	if !p.open {
		return
	}
	p.all = append(p.all, Challenge{Scheme: name})
	text := skipSpace(p.rest)
	end := 0
	for end < len(text) && isToken68(text[end]) {
		end++
	}
	for end > 0 && end < len(text) && text[end] == '=' {
		end++
	}
	after := skipSpace(text[end:])
	switch {
	case end > 0 && (after == "" || after[0] == ','):
		p.all[len(p.all)-1].Token68 = text[:end]
		p.rest = after
	case !startsParam(text):
		p.skip()
	}
}

// param reads the value of a parameter and adds it to the open challenge.
func (p *parser) param(name string) {
	p.rest = skipSpace(p.rest)
	var value string
	var ok bool
	if strings.HasPrefix(p.rest, `"`) {
		value, p.rest, ok = cutQuoted(p.rest)
	} else {
		end := strings.IndexAny(p.rest, " \t,\"")
		if end < 0 {
			end = len(p.rest)
		}
		value, p.rest = p.rest[:end], p.rest[end:]
		ok = value != "" && isText(value)
	}
	if ok && p.open {
		c := &p.all[len(p.all)-1]
		if len(c.params) < MaxParams {
			c.params = append(c.params, param{name, value})
		}
	}
	if !startsParam(p.rest) {
		p.skip()
	}
}

// skip skips to the next unquoted comma.
func (p *parser) skip() {
	for p.rest != "" && p.rest[0] != ',' {
		if p.rest[0] == '"' {
			_, p.rest, _ = cutQuoted(p.rest)
			continue
		}
		p.rest = p.rest[1:]
	}
}

// startsParam reports whether text begins with a name and an equals sign.
func startsParam(text string) bool {
	name, after := cutToken(skipSpace(text))
	return name != "" && strings.HasPrefix(skipSpace(after), "=")
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t") }

// cutToken cuts a token from the beginning of s (RFC 9110 section 5.6.2).
func cutToken(s string) (token, rest string) {
	end := 0
	for end < len(s) && isTokenChar(s[end]) {
		end++
	}
	return s[:end], s[end:]
}

// cutQuoted cuts a quoted string from the beginning of s (RFC 9110 section 5.6.4). ok is false if
// the closing quote is missing or the string contains control characters.
func cutQuoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	from := 1
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			b.WriteString(s[from:i])
			value = b.String()
			return value, s[i+1:], isText(value)
		case '\\':
			b.WriteString(s[from:i])
			i++
			from = i
		}
	}
	return "", "", false
}

// isText reports whether s has no control characters except tabs.
func isText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isTokenChar(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isToken68(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("-._~+/", c) >= 0 }
