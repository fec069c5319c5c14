package jsonrpc

import (
	"bytes"
	"math"
	"strconv"
)

// Int64 reads a number that is an integer in the range of int64, however it is written: 1, -5, 1.0
// and 1e3 are integers. Any other number is a [*ShapeError]. No precision is lost.
func (c *Cursor) Int64() int64 {
	raw := c.numberValue()
	if raw == nil {
		return 0
	}
	v, ok := parseInteger(raw)
	if !ok {
		c.Fail(&ShapeError{Offset: c.pos - len(raw), Want: "a 64-bit integer", Got: "another number"})
		return 0
	}
	return v
}

// Float64 reads a number as the nearest float64. A number that is too large for a float64 is a
// [*ShapeError].
func (c *Cursor) Float64() float64 {
	raw := c.numberValue()
	if raw == nil {
		return 0
	}
	if v, ok := parsePlain(raw); ok && v <= 1<<53 { // a float64 holds it exactly
		return float64(v)
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		c.Fail(&ShapeError{Offset: c.pos - len(raw), Want: "a 64-bit number", Got: "a larger number"})
		return 0
	}
	return f
}

// numberValue reads a number and returns its text, or nil on error.
func (c *Cursor) numberValue() []byte {
	if kindOf[c.value()] != Number {
		c.wrongKind(Number)
		return nil
	}
	start := c.pos
	end := c.skipNumber(start)
	if c.err != nil {
		return nil
	}
	c.pos = end
	c.place = afterValue
	return c.data[start:end]
}

// scanNumber returns the offset after the number that begins at data[i]. If the number is invalid
// (RFC 8259 section 6), it returns the offset of the byte that should be a digit.
func scanNumber(data []byte, i int) (end int, ok bool) {
	if i < len(data) && data[i] == '-' {
		i++
	}
	switch {
	case i >= len(data) || !isDigit(data[i]):
		return i, false
	case data[i] == '0': // no digit may follow; the next token would be invalid
		i++
	default:
		i = skipDigits(data, i+1)
	}
	if i < len(data) && data[i] == '.' {
		i++
		if i >= len(data) || !isDigit(data[i]) {
			return i, false
		}
		i = skipDigits(data, i+1)
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		if i >= len(data) || !isDigit(data[i]) {
			return i, false
		}
		i = skipDigits(data, i+1)
	}
	return i, true
}

func isDigit(b byte) bool { return b-'0' <= 9 }

func skipDigits(data []byte, i int) int {
	for i < len(data) && isDigit(data[i]) {
		i++
	}
	return i
}

// parseInteger returns the value of a syntactically valid number, if it is an integer in the range
// of int64.
func parseInteger(num []byte) (v int64, ok bool) {
	digits := num
	neg := digits[0] == '-'
	if neg {
		digits = digits[1:]
	}
	mag, ok := parsePlain(digits)
	if !ok {
		mag, ok = parseScaled(digits)
	}
	switch {
	case !ok || mag > 1<<63 || mag == 1<<63 && !neg:
		return 0, false
	case neg:
		return -int64(mag), true // 1<<63 wraps to MinInt64 twice, which is right
	}
	return int64(mag), true
}

// parsePlain parses up to 18 digits and nothing else, which covers nearly every number.
func parsePlain(digits []byte) (v uint64, ok bool) {
	if len(digits) > 18 {
		return 0, false
	}
	for _, b := range digits {
		if !isDigit(b) {
			return 0, false
		}
		v = v*10 + uint64(b-'0')
	}
	return v, true
}

// parseScaled parses all other numbers: with a fraction, an exponent or many digits. Its time is
// linear in the length of the text, however large the exponent is.
func parseScaled(num []byte) (v uint64, ok bool) {
	mantissa, exp := num, int64(0)
	if e := bytes.IndexAny(num, "eE"); e >= 0 {
		mantissa, exp = num[:e], parseExponent(num[e+1:])
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	fraction = bytes.TrimRight(fraction, "0")
	exp -= int64(len(fraction)) // now the value is the digits of whole and fraction times 10^exp
	if exp < 0 {
		significant := bytes.TrimRight(whole, "0")
		switch {
		case len(fraction) > 0:
			return 0, false // the last digit is not zero and stays after the decimal point
		case len(significant) == 0:
			return 0, true
		case int64(len(whole)-len(significant)) < -exp:
			return 0, false
		}
		whole, exp = whole[:len(whole)+int(exp)], 0
	}
	for _, part := range [2][]byte{whole, fraction} {
		for _, b := range part {
			if v, ok = timesTen(v, uint64(b-'0')); !ok {
				return 0, false
			}
		}
	}
	for ; exp > 0 && v != 0; exp-- {
		if v, ok = timesTen(v, 0); !ok {
			return 0, false
		}
	}
	return v, true
}

func timesTen(v, plus uint64) (uint64, bool) {
	if v > (math.MaxUint64-plus)/10 {
		return 0, false
	}
	return v*10 + plus, true
}

// parseExponent returns the value of an exponent. It is clamped to a value that the digits of no
// text can compensate.
func parseExponent(text []byte) int64 {
	const limit = 1 << 48
	neg := text[0] == '-'
	if neg || text[0] == '+' {
		text = text[1:]
	}
	exp := int64(0)
	for _, b := range text {
		if exp < limit {
			exp = exp*10 + int64(b-'0')
		}
	}
	if neg {
		return -exp
	}
	return exp
}
