package form

import (
	"cmp"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// decimal is an exact decimal number with the value 0.digits × 10^point. Its size depends only on
// the length of its text, so 1e999999999 is as cheap as 1.
type decimal struct {
	neg    bool
	digits string // without zeros at either end; empty for zero
	point  int64
}

// maxExponent is the largest absolute value of an exponent. parseDecimal clamps larger ones: no
// text has enough digits to offset them.
const maxExponent = 1 << 48

// parseDecimal parses a JSON number (RFC 8259 section 6). ok is false if text is not a JSON number.
func parseDecimal(text string) (d decimal, ok bool) {
	c := jsonrpc.NewCursor([]byte(text), 0)
	if c.Kind() != jsonrpc.Number || len(c.Skip()) != len(text) || c.Err() != nil {
		return decimal{}, false
	}
	mantissa, exponent := text, int64(0)
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		var err error
		mantissa = text[:e]
		if exponent, err = strconv.ParseInt(text[e+1:], 10, 64); err != nil || exponent > maxExponent || exponent < -maxExponent {
			exponent = maxExponent
			if text[e+1] == '-' {
				exponent = -maxExponent
			}
		}
	}
	mantissa, d.neg = strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := whole + fraction
	d.digits = strings.TrimLeft(all, "0")
	d.point = exponent + int64(len(whole)) - int64(len(all)-len(d.digits))
	d.digits = strings.TrimRight(d.digits, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

func decimalOf(n int64) decimal {
	d, _ := parseDecimal(strconv.FormatInt(n, 10))
	return d
}

// whole reports whether d is a whole number.
func (d decimal) whole() bool { return int64(len(d.digits)) <= d.point || d.digits == "" }

// compare returns -1, 0 or 1 if d is less than, equal to or greater than other.
func (d decimal) compare(other decimal) int {
	if a, b := d.sign(), other.sign(); a != b || a == 0 {
		return cmp.Compare(a, b)
	}
	size := cmp.Compare(d.point, other.point)
	if size == 0 {
		size = strings.Compare(d.digits, other.digits) // digits compare as fractions: 0.5 < 0.51 < 0.6
	}
	return size * d.sign()
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.neg:
		return -1
	}
	return 1
}

// maxPlain is the largest number of digits that plain returns.
const maxPlain = 400

// plain returns d without a decimal point or exponent. ok is false if d is not whole or has more
// than maxPlain digits.
func (d decimal) plain() (text string, ok bool) {
	switch {
	case d.digits == "":
		return "0", true
	case !d.whole() || d.point > maxPlain:
		return "", false
	}
	text = d.digits + strings.Repeat("0", int(d.point)-len(d.digits))
	if d.neg {
		text = "-" + text
	}
	return text, true
}

// exclusive converts an exclusive bound to an inclusive one. For Integer, it returns the next whole
// number in the direction of step, which is 1 or -1. For Number, it returns the bound unchanged.
func exclusive(bound json.Number, kind Kind, step int64) json.Number {
	d, ok := parseDecimal(string(bound))
	if !ok || kind != Integer {
		return bound
	}
	text, _ := d.plain()
	n, ok := new(big.Int).SetString(text, 10)
	if !ok { // a bound such as 0.5 excludes no whole number
		return bound
	}
	return json.Number(n.Add(n, big.NewInt(step)).String())
}

// tighter returns the stricter of two bounds: the greater one if step is 1, the lesser one if step
// is -1. It ignores a bound that is not a number.
func tighter(a, b json.Number, step int) json.Number {
	x, okA := parseDecimal(string(a))
	y, okB := parseDecimal(string(b))
	switch {
	case !okA:
		return b
	case okB && y.compare(x) == step:
		return b
	}
	return a
}
