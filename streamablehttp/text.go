package streamablehttp

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sanitize makes a peer's text safe for errors and logs. The result is valid UTF-8, at most limit
// bytes, and has no control or format characters (terminal escapes, line breaks, text direction
// marks).
func sanitize[T string | []byte](text T, limit int) string {
	var b strings.Builder
	s := string(text[:min(len(text), limit+utf8.UTFMax)])
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			r = ' '
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// shorten cuts a preview so that the error stays short.
func shorten(preview string) string {
	const line = 200
	if len(preview) <= line {
		return preview
	}
	end := line
	for end > 0 && !utf8.RuneStart(preview[end]) {
		end--
	}
	return preview[:end] + "…"
}
