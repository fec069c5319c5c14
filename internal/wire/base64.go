package wire

// base64Class has 0 for each byte of the alphabet of RFC 4648 section 4, and 1 for any other.
var base64Class = func() (class [256]uint8) {
	for i := range class {
		class[i] = 1
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, b := range []byte(alphabet) {
		class[b] = 0
	}
	return class
}()

// validBase64 reports whether base64.StdEncoding decodes s, without decoding it. Line breaks are
// allowed anywhere, and padding is required.
func validBase64(s string) bool {
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
func base64Run(s string) (n int) {
	for len(s)-n >= 8 {
		b := s[n : n+8]
		if base64Class[b[0]]|base64Class[b[1]]|base64Class[b[2]]|base64Class[b[3]]|
			base64Class[b[4]]|base64Class[b[5]]|base64Class[b[6]]|base64Class[b[7]] != 0 {
			break
		}
		n += 8
	}
	for n < len(s) && base64Class[s[n]] == 0 {
		n++
	}
	return n
}

// base64 reads a base64 string, checks it, and returns it still encoded. Null becomes "".
func (r *Reader) base64() string {
	s := r.OptString()
	if !validBase64(s) {
		r.Fail(ErrBase64)
		return ""
	}
	return s
}
