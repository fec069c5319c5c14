package main

import (
	"strings"

	"github.com/rivo/uniseg"
)

// wrap breaks lines that are wider than columns at spaces. Continuation lines begin with indent.
// Words that are too wide are not broken, so that users can copy URLs. If columns is 0, wrap
// returns text unchanged.
func wrap(text string, columns int, indent string) string {
	if columns <= 0 || 2*len(indent) > columns {
		return text
	}
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		wrapLine(&b, line, columns, indent)
	}
	return b.String()
}

func wrapLine(b *strings.Builder, line string, columns int, indent string) {
	used, begun := 0, false // columns used on this line, and whether they contain a word
	for line != "" {
		rest := strings.TrimLeft(line, " ")
		gap := len(line) - len(rest)
		word, _, _ := strings.Cut(rest, " ")
		line = rest[len(word):]
		width := uniseg.StringWidth(word)
		if begun && word != "" && used+gap+width > columns {
			b.WriteString("\n" + indent)
			used = len(indent)
		} else {
			b.WriteString(strings.Repeat(" ", gap))
			used += gap
		}
		b.WriteString(word)
		used, begun = used+width, true
	}
}

// breakWords breaks words that are wider than columns.
func breakWords(text string, columns int) string {
	if columns <= 0 {
		return text
	}
	var b strings.Builder
	used := 0
	for clusters := uniseg.NewGraphemes(text); clusters.Next(); {
		switch cluster := clusters.Str(); {
		case cluster == " ":
			used = 0
			b.WriteString(cluster)
		case used+clusters.Width() > columns:
			used = clusters.Width()
			b.WriteString(" " + cluster)
		default:
			used += clusters.Width()
			b.WriteString(cluster)
		}
	}
	return b.String()
}

// margin returns the leading spaces of a line.
func margin(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " "))] }
