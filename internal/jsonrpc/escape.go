package jsonrpc

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// unescapeSlack is the number of bytes at the end of its buffer that unescape may leave unused.
const unescapeSlack = 16

// unescape decodes the text at the start of src into dst. It stops at a quote, at an invalid byte,
// and when fewer than unescapeSlack bytes of dst are left. It returns the number of bytes written
// and read, of which the former is never more. high is false only if no byte is above 0x7f; these
// bytes are copied unchecked.
func unescape(dst, src []byte) (n, read int, high bool) {
	var seen uint64
	i := 0
	for len(dst)-n >= unescapeSlack {
		switch left := len(src) - i; {
		case left >= 16: // usual
			s, d := src[i:i+16:i+16], dst[n:n+16:n+16]
			x := binary.LittleEndian.Uint64(s)
			binary.LittleEndian.PutUint64(d, x)
			m, at := notPlainASCII(x), 0
			if m == 0 {
				x = binary.LittleEndian.Uint64(s[8:])
				binary.LittleEndian.PutUint64(d[8:], x)
				if m, at = notPlainASCII(x), 8; m == 0 {
					i, n = i+16, n+16
					continue
				}
			}
			seen |= x
			if m &^= x; m == 0 { // only bytes above 0x7f
				i, n = i+at+8, n+at+8
				continue
			}
			at += bits.TrailingZeros64(m) / 8
			i, n = i+at, n+at
		case left > 0 && src[i] != '"' && src[i] != '\\' && src[i] >= 0x20:
			seen |= uint64(src[i])
			dst[n] = src[i]
			i, n = i+1, n+1
			continue
		}
		short := shortEscape(src, i)
		if short == 0 {
			width, size := decodeUnicode(dst[n:], src[i:])
			if width == 0 {
				break
			}
			i, n = i+width, n+size
		}
		for ; short != 0 && n < len(dst); short = shortEscape(src, i) { // they often follow each other
			dst[n] = short
			i, n = i+2, n+1
		}
	}
	return n, i, seen&highBits != 0
}

// shortEscape returns the meaning of the two-byte escape at offset i, or 0 if it has no meaning.
func shortEscape(src []byte, i int) byte {
	if i+1 < len(src) && src[i] == '\\' {
		return unescaped[src[i+1]]
	}
	return 0
}

// unescaped maps the byte after a backslash, except u, to its meaning.
var unescaped = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// decodeUnicode writes the character of the \uXXXX at the start of raw to dst. It returns the length
// of the escape and of the character; width is 0 if the escape is invalid. A surrogate pair counts
// as one escape, and a lone surrogate is U+FFFD.
func decodeUnicode(dst, raw []byte) (width, size int) {
	r := hex4(raw)
	switch {
	case r < 0:
		return 0, 0
	case utf16.IsSurrogate(r):
		r = utf16.DecodeRune(r, hex4(raw[6:])) // U+FFFD unless they are a pair
		if r != utf8.RuneError {
			return 12, utf8.EncodeRune(dst, r)
		}
	case r >= 0x800 && len(dst) >= 3: // what EncodeRune would do; it is not inlined
		dst[0], dst[1], dst[2] = 0xe0|byte(r>>12), 0x80|byte(r>>6)&0xbf, 0x80|byte(r)&0xbf
		return 6, 3
	}
	return 6, utf8.EncodeRune(dst, r)
}

// escapeWidth returns the length of the escape at the start of raw, or 0 if it is invalid.
func escapeWidth(raw []byte) int {
	switch {
	case shortEscape(raw, 0) != 0:
		return 2
	case hex4(raw) >= 0:
		return 6
	}
	return 0
}

// hex4 returns the value of the \uXXXX at the start of b, or -1.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	// An invalid digit is -1, and the shifts keep it negative.
	return hexValue(b[2])<<12 | hexValue(b[3])<<8 | hexValue(b[4])<<4 | hexValue(b[5])
}

// hexValue returns the value of a hexadecimal digit, or -1.
func hexValue(d byte) rune { return rune(hexValues[d]) }

var hexValues = func() (values [256]int8) {
	for i := range values {
		values[i] = -1
	}
	for v, d := range []byte(hexDigits) {
		values[d] = int8(v)
		if d >= 'a' {
			values[d-'a'+'A'] = int8(v)
		}
	}
	return values
}()
