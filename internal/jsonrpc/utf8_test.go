package jsonrpc

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// requireSameUTF8 compares validUTF8 with the standard library, at every position in a word.
func requireSameUTF8(t *testing.T, text []byte) {
	t.Helper()
	for pad := range 8 {
		padded := append(bytes.Repeat([]byte("x"), pad), text...)
		if validUTF8(padded) != utf8.Valid(text) {
			require.Equal(t, utf8.Valid(text), validUTF8(padded), "%q after %d bytes", text, pad)
		}
	}
}

func TestValidUTF8MatchesTheStandardLibrary(t *testing.T) {
	edges := []byte{0, 'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff}
	for a := range 256 {
		for b := range 256 {
			requireSameUTF8(t, []byte{byte(a), byte(b)})
		}
	}
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				requireSameUTF8(t, []byte{a, b, c})
				for _, d := range edges {
					requireSameUTF8(t, []byte{a, b, c, d})
				}
			}
		}
	}
	for _, content := range oddStrings {
		requireSameUTF8(t, []byte(content+content))
		for between := range 40 { // runs of ASCII are read in larger steps
			ascii := strings.Repeat("y", between)
			requireSameUTF8(t, []byte("12345678"+ascii+content+ascii+content))
		}
	}
}
