package redact

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// minSecret is the minimum length of a secret that is masked, in bytes. A shorter one may be
	// part of ordinary words.
	minSecret = 4
	// minPrefix is the minimum length in bytes at which the beginning of a secret is masked at the
	// end of a text. The text may have been truncated there.
	minPrefix = 8
	// maxEscaped bounds the text that is searched for escaped secrets, in bytes.
	maxEscaped = 64 << 10
)

// Holder is a RoundTripper that adds secrets to the requests that pass through it.
type Holder interface {
	// RequestSecrets returns the secrets that the Holder added most recently.
	RequestSecrets() []string
}

// Mask replaces each secret of at least 4 bytes in a peer's text with [Text], and returns the
// result. It also replaces secrets escaped as in JSON, URLs or HTML. At the end of the text, it
// also replaces the beginning of a secret, if that has at least 8 bytes. Call Mask before the text
// is truncated.
func Mask(text string, secrets []string) string {
	var found []span
	plain, at := unescape(text[:min(len(text), maxEscaped)])
	for _, secret := range secrets {
		if len(secret) < minSecret {
			continue
		}
		found = append(found, spans(text, secret)...)
		for _, s := range spans(plain, secret) {
			found = append(found, span{at[s.from], at[s.to]})
		}
	}
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var b strings.Builder
	end := 0 // end of the processed part of the text
	for i, s := range found {
		if s.to <= end {
			continue
		}
		if s.from > end || i == 0 {
			b.WriteString(text[end:max(s.from, end)])
			b.WriteString(Text)
		}
		end = s.to
	}
	b.WriteString(text[end:])
	return b.String()
}

// span is a range of a text.
type span struct{ from, to int }

// spans returns the ranges of a text that hold the secret. It includes a range at the end of the
// text that holds only the beginning of the secret.
func spans(text, secret string) []span {
	var found []span
	end := 0
	for {
		i := strings.Index(text[end:], secret)
		if i < 0 {
			break
		}
		found = append(found, span{end + i, end + i + len(secret)})
		end += i + len(secret)
	}
	for n := min(len(secret)-1, len(text)-end); n >= minPrefix; n-- {
		if strings.HasSuffix(text, secret[:n]) {
			return append(found, span{len(text) - n, len(text)})
		}
	}
	return found
}

// unescape returns a text without escapes, and the position in the original text of each byte and
// of the end. Both are empty if there are no escapes.
func unescape(text string) (plain string, at []int) {
	if !strings.ContainsAny(text, `\%&`) {
		return "", nil
	}
	var b strings.Builder
	at = make([]int, 0, len(text)+1)
	for i := 0; i < len(text); {
		c, n := unescaped(text[i:])
		b.WriteByte(c)
		at = append(at, i)
		i += n
	}
	return b.String(), append(at, len(text))
}

// unescaped returns the first byte of a text, decoded if it is escaped, and the length of its
// representation.
func unescaped(text string) (c byte, n int) {
	switch {
	case strings.HasPrefix(text, `\u00`) && len(text) >= 6:
		if v, err := strconv.ParseUint(text[4:6], 16, 8); err == nil {
			return byte(v), 6
		}
	case text[0] == '\\' && len(text) >= 2:
		return text[1], 2
	case text[0] == '%' && len(text) >= 3:
		if v, err := strconv.ParseUint(text[1:3], 16, 8); err == nil {
			return byte(v), 3
		}
	case strings.HasPrefix(text, "&#"):
		number, _, found := strings.Cut(text[2:min(len(text), 8)], ";")
		if v, err := strconv.ParseUint(strings.Replace(strings.ToLower(number), "x", "0x", 1), 0, 7); found && err == nil {
			return byte(v), len(number) + 3
		}
	}
	return text[0], 1
}

// Clean makes a peer's text safe for one line of an error or a log. The result has at most limit
// bytes of valid UTF-8. Each white-space character becomes a space. Each control or format
// character, such as terminal escapes and marks of text direction, becomes U+FFFD. Call [Mask]
// first: it might not find a secret in a truncated text.
func Clean[T string | []byte](text T, limit int) string {
	var b strings.Builder
	for _, r := range string(text[:min(len(text), limit+utf8.UTFMax)]) {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// Shorten truncates a text that has more than limit bytes, and appends "…".
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// Line calls Clean on a text that is truncated to limit bytes. A truncated text ends with "…",
// which does not count towards the limit.
func Line(text string, limit int) string { return Clean(Shorten(text, limit), limit+len("…")) }

// Reworded returns err with another text. [errors.Is] and [errors.As] find the errors that err
// wraps, but not err itself, so its own text stays hidden.
func Reworded(err error, text string) error { return &reworded{text, err} }

type reworded struct {
	text string
	err  error
}

func (e *reworded) Error() string        { return e.text }
func (e *reworded) Is(target error) bool { return errors.Is(e.err, target) }
func (e *reworded) As(target any) bool   { return errors.As(e.err, target) }
