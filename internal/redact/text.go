package redact

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

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
// which does not count.
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
