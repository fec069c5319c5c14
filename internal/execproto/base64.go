package execproto

import (
	"slices"

	"github.com/segmentio/asm/base64"
)

// Bodies are in base64 (RFC 4648 section 4), which is most of the work there is with
// them: the standard library's takes more time than the network on one machine. This one
// uses vector instructions, and the standard library where there are none.

// appendBase64 appends data, encoded.
func appendBase64(dst, data []byte) []byte {
	n, size := len(dst), base64.StdEncoding.EncodedLen(len(data))
	dst = slices.Grow(dst, size)[:n+size]
	base64.StdEncoding.Encode(dst[n:], data)
	return dst
}

// appendDecoded appends what text stands for. After an error dst is of no use.
func appendDecoded(dst, text []byte) ([]byte, error) {
	n, size := len(dst), decodedLen(text)
	dst = slices.Grow(dst, size)
	k, err := base64.StdEncoding.Decode(dst[n:n+size], text)
	return dst[:n+k], err
}

// decodedLen is how many bytes text stands for at most.
func decodedLen(text []byte) int { return base64.StdEncoding.DecodedLen(len(text)) }
