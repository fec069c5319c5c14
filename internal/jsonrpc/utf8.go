package jsonrpc

import (
	"encoding/binary"
	"unicode/utf8"
)

// The states of validUTF8 say what must follow. Each is the offset of the next state in an entry of
// utf8Next.
const (
	anyChar   = 6 * iota // the first byte of a character
	never                // nothing: the text is invalid
	oneMore              // one continuation byte
	twoMore              // two
	threeMore            // three
	afterE0              // two, the first of them from 0xa0 on (a shorter encoding exists below)
	afterED              // two, the first of them below 0xa0 (the others encode surrogates)
	afterF0              // three, the first of them from 0x90 on
	afterF4              // three, the first of them below 0x90 (U+10FFFF is the last character)
)

const (
	states    = afterF4/stateBits + 1
	stateBits = 6
	stateMask = 1<<stateBits - 1
)

// utf8Next has an entry for each byte. From the offset s on, it holds the state that follows state
// s. So one load and one shift read a byte, and unpredictable text costs no more than other text.
var utf8Next = func() (next [256]uint64) {
	for b := range 256 {
		for s := range states {
			next[b] |= uint64(utf8After(s*stateBits, byte(b))) << (s * stateBits)
		}
	}
	return next
}()

// utf8After returns the state after state s and byte b (RFC 3629 section 4).
func utf8After(s int, b byte) int {
	if s == anyChar {
		return utf8First(b)
	}
	switch more := b >= 0x80 && b <= 0xbf; {
	case !more, s == never:
		return never
	case s == oneMore:
		return anyChar
	case s == twoMore, s == afterE0 && b >= 0xa0, s == afterED && b < 0xa0:
		return oneMore
	case s == threeMore, s == afterF0 && b >= 0x90, s == afterF4 && b < 0x90:
		return twoMore
	}
	return never
}

// utf8First returns the state after the first byte of a character.
func utf8First(b byte) int {
	switch {
	case b < utf8.RuneSelf:
		return anyChar
	case b == 0xe0:
		return afterE0
	case b == 0xed:
		return afterED
	case b == 0xf0:
		return afterF0
	case b == 0xf4:
		return afterF4
	case b >= 0xc2 && b <= 0xdf:
		return oneMore
	case b >= 0xe1 && b <= 0xef:
		return twoMore
	case b >= 0xf1 && b <= 0xf3:
		return threeMore
	}
	return never
}

// validUTF8 does what [utf8.Valid] does. It is faster for text with other characters than ASCII.
func validUTF8(b []byte) bool {
	s := uint64(anyChar)
	i := 0
	for len(b)-i >= 8 {
		w := b[i : i+8 : i+8]
		i += 8
		if s&stateMask == anyChar && binary.LittleEndian.Uint64(w)&highBits == 0 {
			if startsASCII(b[i:]) { // usual in text with few accents
				i += 16
			}
			continue
		}
		s = utf8Next[w[0]] >> (s & stateMask)
		s = utf8Next[w[1]] >> (s & stateMask)
		s = utf8Next[w[2]] >> (s & stateMask)
		s = utf8Next[w[3]] >> (s & stateMask)
		s = utf8Next[w[4]] >> (s & stateMask)
		s = utf8Next[w[5]] >> (s & stateMask)
		s = utf8Next[w[6]] >> (s & stateMask)
		s = utf8Next[w[7]] >> (s & stateMask)
	}
	for _, c := range b[i:] {
		s = utf8Next[c] >> (s & stateMask)
	}
	return s&stateMask == anyChar
}

// startsASCII reports whether b begins with 16 bytes of ASCII.
func startsASCII(b []byte) bool {
	return len(b) >= 16 && (binary.LittleEndian.Uint64(b)|binary.LittleEndian.Uint64(b[8:]))&highBits == 0
}
