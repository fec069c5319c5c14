package jsonrpc

import (
	"encoding/binary"
	"math/bits"
)

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// special returns a word in which the high bit is set for each byte of x that ends plain text: a
// quote, a backslash or a control character. The lowest set bit is exact; bits above it may be
// wrong because of a borrow.
func special(x uint64) uint64 { return notPlainASCII(x) &^ x }

// notPlainASCII does what special does, and also sets the bit for each byte above 0x7f.
func notPlainASCII(x uint64) uint64 {
	// With bit 1 flipped, the quote (0x22) joins the bytes below 0x21, and the space (0x20) leaves
	// them.
	quoteOrControl := (x ^ lowBits*0x02) - lowBits*0x21
	backslash := (x ^ lowBits*'\\') - lowBits
	return (quoteOrControl | backslash) & highBits
}

// indexSpecial returns the offset of the first quote, backslash or control character, or len(b) if
// there is none. high reports whether there are bytes above 0x7f before it.
func indexSpecial(b []byte) (i int, high bool) {
	var seen uint64
	for len(b)-i >= 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if m := special(x); m != 0 {
			seen |= x & (m&-m - 1)
			return i + bits.TrailingZeros64(m)/8, seen&highBits != 0
		}
		seen |= x
		if i += 8; i == longRun {
			n, more := indexBlock(b[i:])
			i, seen = i+n, seen|more
		}
	}
	for ; i < len(b); i++ {
		if b[i] == '"' || b[i] == '\\' || b[i] < 0x20 {
			break
		}
		seen |= uint64(b[i])
	}
	return i, seen&highBits != 0
}

// longRun is a number of plain bytes: after this many, many more are likely.
const longRun = 64

// indexBlock returns the offset of the first 32-byte block that has a quote, a backslash or a
// control character, or of the remaining bytes. It also returns the OR of all words before that
// offset that have bytes above 0x7f. It is several times as fast as one word at a time.
func indexBlock(b []byte) (i int, seen uint64) {
	for ; len(b)-i >= 32; i += 32 {
		w := b[i : i+32 : i+32]
		x0, x1 := binary.LittleEndian.Uint64(w), binary.LittleEndian.Uint64(w[8:])
		x2, x3 := binary.LittleEndian.Uint64(w[16:]), binary.LittleEndian.Uint64(w[24:])
		if notPlainASCII(x0)|notPlainASCII(x1)|notPlainASCII(x2)|notPlainASCII(x3) == 0 {
			continue
		}
		if special(x0)|special(x1)|special(x2)|special(x3) != 0 {
			break
		}
		seen |= x0 | x1 | x2 | x3
	}
	return i, seen
}
