package toolspec

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// writer builds an answer. It does not copy more of a text than fits.
type writer struct {
	b       strings.Builder
	limit   int // of b, in bytes
	cut     int // bytes that did not fit
	hasText bool
	parts   []Part
	media64 int // bytes of the data of all parts
	isError bool
}

// text writes a text of the server. size is its whole length in bytes, of which s is at least the
// part that fits.
func (w *writer) text(s string, size int) {
	if size == 0 {
		return
	}
	w.hasText = true
	w.line(s)
	w.cut += size - len(s)
}

// line writes s, after a new line if it is not the first.
func (w *writer) line(s string) {
	if w.b.Len() > 0 && w.b.Len() < w.limit {
		w.b.WriteByte('\n')
	}
	fits := ""
	if w.cut == 0 {
		fits = prefix(s, w.limit-w.b.Len())
	}
	w.b.WriteString(strings.ToValidUTF8(fits, "\uFFFD"))
	w.cut += len(s) - len(fits)
}

// prefix returns at most limit bytes of s, without a part of a character at the end.
func prefix(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := max(limit, 0)
	for i := 0; i < utf8.UTFMax && end > 0 && !utf8.RuneStart(s[end]); i++ {
		end--
	}
	return s[:end]
}

// answer returns the answer. If something was cut, the last line of the text says so.
func (w *writer) answer() Answer {
	text := w.b.String()
	if w.cut > 0 || len(text) > w.limit {
		const longest = len("\n[cut: 9223372036854775807 more bytes]")
		kept := prefix(text, w.limit-longest)
		w.cut += len(text) - len(kept)
		text = fmt.Sprintf("%s\n[cut: %d more bytes]", kept, w.cut)
	}
	return Answer{Text: text, Parts: w.parts, IsError: w.isError, Truncated: w.cut}
}
