package execproto

import (
	"slices"

	"github.com/segmentio/asm/base64"
)

// Bodies are sent in base64 (RFC 4648 section 4), and the encoding is most of the work: the
// standard library needs more time for it than a local network does. The functions below use vector
// instructions where available, and otherwise the standard library.

// appendBase64 appends the encoding of data.
func appendBase64(dst, data []byte) []byte {
	n, size := len(dst), base64.StdEncoding.EncodedLen(len(data))
	dst = slices.Grow(dst, size)[:n+size]
	base64.StdEncoding.Encode(dst[n:], data)
	return dst
}

// appendDecoded appends the decoded text. After an error the result must not be used.
func appendDecoded(dst, text []byte) ([]byte, error) {
	n, size := len(dst), decodedLen(text)
	dst = slices.Grow(dst, size)
	k, err := base64.StdEncoding.Decode(dst[n:n+size], text)
	return dst[:n+k], err
}

// decodedLen returns the maximum number of bytes that text decodes to.
func decodedLen(text []byte) int { return base64.StdEncoding.DecodedLen(len(text)) }
