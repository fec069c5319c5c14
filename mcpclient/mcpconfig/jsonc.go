package mcpconfig

import (
	"bytes"
	"errors"
)

// blank returns a copy of a JSONC text in which spaces replace comments, trailing commas and a byte
// order mark. All other bytes keep their offsets, and so do the ends of lines. A text that is JSON
// already comes back unchanged. It does not check the rest of the text.
//
// If a comment has no end, it returns the offset of its beginning and an error.
func blank(text []byte) (plain []byte, at int, err error) {
	plain = bytes.Clone(text)
	i := 0
	if bytes.HasPrefix(plain, []byte("\xef\xbb\xbf")) {
		i = fill(plain, 0, 3)
	}
	comma := -1 // offset of the last comma, if only white space and comments follow it
	value := false
	for i < len(plain) {
		switch c := plain[i]; {
		case c == '"':
			i = stringEnd(plain, i)
			comma, value = -1, true
		case bytes.HasPrefix(plain[i:], []byte("//")):
			i = fill(plain, i, lineEnd(plain, i))
		case bytes.HasPrefix(plain[i:], []byte("/*")):
			n := bytes.Index(plain[i+2:], []byte("*/"))
			if n < 0 {
				return nil, i, errUnclosedComment
			}
			i = fill(plain, i, i+2+n+2)
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		default:
			switch {
			case c == ',' && value:
				comma, value = i, false
			case (c == '}' || c == ']') && comma >= 0:
				plain[comma] = ' '
				comma, value = -1, true
			default:
				comma, value = -1, c != ',' && c != ':' && c != '{' && c != '['
			}
			i++
		}
	}
	return plain, 0, nil
}

var errUnclosedComment = errors.New("a comment has no end: expected */")

// fill replaces text[from:to] with spaces, except for the ends of lines, and returns to.
func fill(text []byte, from, to int) int {
	for i := from; i < to; i++ {
		if text[i] != '\n' && text[i] != '\r' {
			text[i] = ' '
		}
	}
	return to
}

// stringEnd returns the offset behind the string that begins at i. A string without an end goes up
// to the end of the text.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// lineEnd returns the offset of the end of the line at i.
func lineEnd(text []byte, i int) int {
	if n := bytes.IndexAny(text[i:], "\r\n"); n >= 0 {
		return i + n
	}
	return len(text)
}
