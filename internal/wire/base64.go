package wire

import "encoding/binary"

// validBase64 reports whether base64.StdEncoding decodes s, without decoding it. Line breaks are
// allowed anywhere, and padding is required.
func validBase64(s []byte) bool {
	digits, i := 0, 0 // number of digits seen
	for ; ; i++ {
		n := base64Run(s[i:])
		digits += n
		i += n
		if i == len(s) {
			return digits%4 == 0
		}
		if s[i] != '\n' && s[i] != '\r' {
			break
		}
	}
	// Only the missing padding and line breaks may follow.
	missing := -digits & 3
	if missing == 3 {
		return false
	}
	for ; i < len(s); i++ {
		switch s[i] {
		case '=':
			missing--
		case '\n', '\r':
		default:
			return false
		}
	}
	return missing == 0
}

// base64Run returns the number of alphabet digits at the start of s.
func base64Run(s []byte) (n int) {
	for len(s)-n >= 8 && base64Digits(binary.LittleEndian.Uint64(s[n:])) {
		n += 8
	}
	for n < len(s) && base64Digits(lowBits*uint64(s[n])) {
		n++
	}
	return n
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// base64Digits reports whether all eight bytes of x are in the alphabet of RFC 4648 section 4.
func base64Digits(x uint64) bool {
	// Each term has the high bit set in the bytes that it is about. No sum carries over to the next
	// byte: if a byte of x is above 0x7f, the result is false anyway.
	low := x &^ highBits
	fold := low | lowBits*0x20 // upper case becomes lower case
	letter := (fold + lowBits*(0x80-'a')) &^ (fold + lowBits*(0x7f-'z'))
	slashOrDigit := (low + lowBits*(0x80-'/')) &^ (low + lowBits*(0x7f-'9'))
	plus := ^((low ^ lowBits*'+') + lowBits*0x7f)
	return (letter|slashOrDigit|plus)&^x&highBits == highBits
}

// base64 reads a base64 string, checks it, and returns it still encoded. Null becomes "".
func (r *Reader) base64() string {
	if r.TryNull() {
		return ""
	}
	plain := false
	text := r.PlainBytes(func(text []byte) bool {
		plain = plainBase64(text)
		return plain
	})
	if !plain && !validBase64(text) {
		r.Fail(ErrBase64)
		return ""
	}
	return string(text)
}

// plainBase64 reports whether text is valid and without line breaks, as nearly always.
func plainBase64(text []byte) bool {
	padding := text[base64Run(text):]
	return len(text)%4 == 0 && (len(padding) == 0 || string(padding) == "=" || string(padding) == "==")
}
