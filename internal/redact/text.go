package redact

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes a peer's text fit for one line of an error or a log: at most limit bytes of valid
// UTF-8, with a space for each white space, and U+FFFD for each control and format character, such
// as terminal escapes and marks of text direction. Hide secrets with [Mask] first: they could not be
// found in a text that was cut.
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

// Shorten cuts a text that has more than limit bytes, and marks the cut with "…".
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// Line is Clean for a text that is marked with "…" if it is cut: at limit bytes, before that mark.
func Line(text string, limit int) string { return Clean(Shorten(text, limit), limit+len("…")) }

// Reworded returns err with another text. [errors.Is] and [errors.As] find what err wraps, but
// nothing unwraps to err, whose own text stays hidden.
func Reworded(err error, text string) error { return &reworded{text, err} }

type reworded struct {
	text string
	err  error
}

func (e *reworded) Error() string        { return e.text }
func (e *reworded) Is(target error) bool { return errors.Is(e.err, target) }
func (e *reworded) As(target any) bool   { return errors.As(e.err, target) }
