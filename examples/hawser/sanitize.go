package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf16"
)

// clean makes a server's text safe for a terminal. It removes escape sequences (ECMA-48) with their
// contents, control characters except \n and \t, and format characters that mislead readers, such
// as text direction overrides. The result cannot overwrite hawser's output or control the terminal.
func clean(text string) string {
	var b strings.Builder
	runes := []rune(text)
	for i := 0; i < len(runes); {
		if n := escapeLength(runes[i:]); n > 0 {
			i += n
			continue
		}
		switch r := runes[i]; {
		case r == '\u2028' || r == '\u2029':
			b.WriteByte('\n')
		case !hidden(r):
			b.WriteRune(r)
		}
		i++
	}
	return b.String()
}

// hidden reports whether clean removes a character.
func hidden(r rune) bool {
	switch r {
	case '\n', '\t':
		return false
	case '\u200c', '\u200d': // joiners, which Persian, Indic scripts and emoji need
		return false
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

const escape, bell, stringEnd = '\x1b', '\a', '\u009c'

// escapeLength returns the length in runes of the escape sequence at the start of text, or 0 if
// text does not start with one. If a control string (such as OSC or DCS) does not end on its line,
// only its introducer counts. An unterminated string therefore cannot hide the rest of the text.
func escapeLength(text []rune) int {
	var kind rune
	body := 1
	switch first := text[0]; {
	case first == escape && len(text) > 1:
		kind, body = text[1], 2
	case first >= 0x80 && first <= 0x9f:
		kind = first - 0x40 // a C1 character is equivalent to ESC and this character
	default:
		return 0
	}
	switch {
	case kind == '[':
		return controlSequence(text, body)
	case strings.ContainsRune("]PX^_", kind):
		return controlString(text, body)
	case body == 1:
		return 1
	case kind >= 0x20 && kind <= 0x2f:
		for body < len(text) && text[body] >= 0x20 && text[body] <= 0x2f {
			body++
		}
		return min(body+1, len(text))
	case kind >= 0x30 && kind <= 0x7e:
		return body
	}
	return 1
}

func controlSequence(text []rune, i int) int {
	for i < len(text) && text[i] >= 0x20 && text[i] <= 0x3f {
		i++
	}
	if i < len(text) && text[i] >= 0x40 && text[i] <= 0x7e {
		i++
	}
	return i
}

func controlString(text []rune, body int) int {
	for i := body; i < len(text) && text[i] != '\n'; i++ {
		switch {
		case text[i] == bell || text[i] == stringEnd:
			return i + 1
		case text[i] == escape && i+1 < len(text) && text[i+1] == '\\':
			return i + 2
		}
	}
	return body
}

// oneLine cleans text that must fit on one line, such as a name or a title. It cuts the text after
// limit characters.
func oneLine(text string, limit int) string {
	text = strings.Join(strings.Fields(clean(text)), " ")
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}

// safeJSON returns a JSON document on one line. It removes space between tokens, escapes the
// characters that clean would remove, and keeps all other bytes.
func safeJSON(raw []byte) []byte {
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		compact.Reset()
		compact.Write(quoted(string(raw)))
	}
	return escapeHidden(compact.String())
}

// prettyJSON does the same as safeJSON, but indents the document on several lines.
func prettyJSON(raw []byte) string {
	var indented bytes.Buffer
	if json.Indent(&indented, raw, "", "  ") != nil {
		return string(safeJSON(raw))
	}
	return string(escapeHidden(indented.String()))
}

// escapeHidden escapes the hidden characters in a valid JSON document. They occur only in strings.
func escapeHidden(text string) []byte {
	var b bytes.Buffer
	for _, r := range text {
		if !hidden(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte("0123456789abcdef"[unit>>shift&0xf])
			}
		}
	}
	return b.Bytes()
}
