package mcpclient

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// Validate reports what is wrong with a content, nil if nothing is: an error
// that joins a [*FieldError] for each field that is, in the form's order, and then for
// each member that is no field. Content is anything that encodes to a JSON object; a
// json.RawMessage is one already. Nil, or what encodes to null, is checked as
// [Form.Defaults], which is what is sent for it. A content is whole: a field that is
// not in it has no value, whatever its default.
func (f *Form) Validate(content any) error {
	text, raw := content.(json.RawMessage)
	if !raw {
		var err error
		if text, err = json.Marshal(content); err != nil {
			return fmt.Errorf("content: %w", err)
		}
	}
	r := formReader{wire.NewReader(text, nil)}
	if raw && text == nil || r.Kind() == jsonrpc.Null && r.TryNull() && r.isEnd() {
		return f.Validate(f.Defaults())
	}
	return f.check(&r)
}

// isEnd tells that nothing more follows.
func (r *formReader) isEnd() bool {
	r.End()
	return r.Err() == nil
}

// check reads a content and compares it with the form.
func (f *Form) check(r *formReader) error {
	place := make(map[string]int, len(f.Fields))
	for i := range f.Fields {
		place[f.Fields[i].Name] = i
	}
	wrong := make([]string, len(f.Fields))
	seen := make([]bool, len(f.Fields))
	var strangers []error
	for key := range r.Members() {
		i, ok := place[string(key)]
		switch {
		case !ok:
			strangers = append(strangers, &FieldError{Field: string(key), Reason: "is not a field of the form"})
			r.Skip()
		case seen[i]: // who reads it decides which of the two counts
			wrong[i] = "is there twice"
			r.Skip()
		default:
			seen[i] = true
			_, wrong[i] = f.Fields[i].take(r)
		}
	}
	r.End()
	if err := r.Err(); err != nil {
		return fmt.Errorf("content: %w", publicError(err))
	}
	var errs []error
	for i := range f.Fields {
		if f.Fields[i].Required && !seen[i] {
			wrong[i] = "is required"
		}
		if wrong[i] != "" {
			errs = append(errs, &FieldError{Field: f.Fields[i].Name, Reason: wrong[i]})
		}
	}
	return errors.Join(append(errs, strangers...)...)
}

// take reads a JSON value as one of the field. Reason says why it is not; it
// does not repeat the value. Bad JSON is the reader's error.
func (f *Field) take(r *formReader) (value any, reason string) {
	found := r.Kind()
	if found == jsonrpc.Null {
		r.Skip()
		return nil, "must have a value, or be left out"
	}
	want, reason := f.wants()
	if found != want {
		r.Skip()
		return nil, reason
	}
	switch want {
	case jsonrpc.String:
		text := r.String()
		return text, f.checkText(text)
	case jsonrpc.Number:
		number := json.Number(r.Skip())
		return number, f.checkNumber(string(number))
	case jsonrpc.Bool:
		return r.Bool(), ""
	default:
		values, texts := []string{}, true
		for range r.Elements() {
			if texts = texts && r.Kind() == jsonrpc.String; texts {
				values = append(values, r.String())
			} else {
				r.Skip()
			}
		}
		if !texts {
			return nil, reason
		}
		return values, f.checkChoices(values)
	}
}

// wants is the kind of JSON value that the field takes, and what to say of another.
func (f *Field) wants() (kind jsonrpc.Kind, reason string) {
	switch f.Kind {
	case FieldNumber:
		return jsonrpc.Number, "must be a number"
	case FieldInteger:
		return jsonrpc.Number, "must be a whole number"
	case FieldBool:
		return jsonrpc.Bool, "must be true or false"
	case FieldChoice:
		return jsonrpc.String, "must be one of the choices"
	case FieldChoices:
		return jsonrpc.Array, "must be some of the choices"
	default:
		return jsonrpc.String, "must be text"
	}
}

// checkText says what is wrong with a string, "" if nothing is.
func (f *Field) checkText(text string) string {
	if f.Kind == FieldChoice {
		if f.option(text) < 0 {
			return "must be one of the choices"
		}
		return ""
	}
	length := utf8.RuneCountInString(text)
	switch {
	case f.MinLength != nil && length < *f.MinLength:
		return "must be at least " + plural(*f.MinLength, "character")
	case f.MaxLength != nil && length > *f.MaxLength:
		return "must be at most " + plural(*f.MaxLength, "character")
	}
	if format := formats[f.Format]; format != nil && !format.fits(text) {
		return format.reason
	}
	return ""
}

// checkNumber says what is wrong with a JSON number, "" if nothing is. A bound
// that is no number is none.
func (f *Field) checkNumber(text string) string {
	d, ok := parseDecimal(text)
	if _, reason := f.wants(); !ok || f.Kind == FieldInteger && !d.whole() {
		return reason
	}
	if least, ok := parseDecimal(string(f.Minimum)); ok && d.compare(least) < 0 {
		return "must be at least " + string(f.Minimum)
	}
	if most, ok := parseDecimal(string(f.Maximum)); ok && d.compare(most) > 0 {
		return "must be at most " + string(f.Maximum)
	}
	return ""
}

// checkChoices says what is wrong with a list of choices, "" if nothing is. The
// protocol does not forbid to name a choice twice, but it means nothing, and a
// server that counts would count it.
func (f *Field) checkChoices(values []string) string {
	left := make(map[string]bool, len(f.Options))
	for _, o := range f.Options {
		left[o.Value] = true
	}
	for _, value := range values {
		free, is := left[value]
		switch {
		case !is:
			return "must be some of the choices"
		case !free:
			return "must not name a choice twice"
		}
		left[value] = false
	}
	switch {
	case f.MinItems != nil && len(values) < *f.MinItems:
		return "must be at least " + plural(*f.MinItems, "choice")
	case f.MaxItems != nil && len(values) > *f.MaxItems:
		return "must be at most " + plural(*f.MaxItems, "choice")
	}
	return ""
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// format is what a string must look like.
type format struct {
	fits   func(text string) bool
	reason string
}

// formats are those of the protocol (2026-07-28, StringSchema).
var formats = map[string]*format{
	"email":     {isEmail, "must be an e-mail address, such as ada@example.com"},
	"uri":       {isURI, "must be a whole address, such as https://example.com/"},
	"date":      {isDate, "must be a date, such as 2026-07-28"},
	"date-time": {isDateTime, "must be a date and time with its zone, such as 2026-07-28T09:30:00Z"},
}

// maxEmail is the longest path of RFC 5321 section 4.5.3.1: 64 bytes, the @, 255 bytes.
const maxEmail = 64 + 1 + 255

// isEmail takes an address alone (RFC 5322 addr-spec), without a name or comments.
func isEmail(text string) bool {
	if len(text) > maxEmail {
		return false
	}
	a, err := mail.ParseAddress(text)
	return err == nil && a.Name == "" && a.Address == text
}

// isURI takes an absolute URI (RFC 3986 section 3), which is ASCII.
func isURI(text string) bool {
	if firstNotURI(text) >= 0 {
		return false
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || !u.IsAbs():
		return false
	case u.Scheme == "http" || u.Scheme == "https":
		return u.Hostname() != ""
	}
	return u.Opaque != "" || u.Host != "" || u.Path != ""
}

// firstNotURI returns the offset of the first byte that no URI has in it (RFC 3986
// section 2): spaces, control characters, quotes, backslashes, anything that is
// not ASCII, a percent sign without two hexadecimal digits. -1 if there is none.
func firstNotURI(text string) int {
	for i := range len(text) {
		b := text[i]
		switch {
		case b <= ' ' || b >= 0x7f || strings.IndexByte("\"<>\\^`{|}", b) >= 0:
			return i
		case b == '%' && !isTriplet(text[i:]):
			return i
		}
	}
	return -1
}

// isDate takes a full-date of RFC 3339 section 5.6.
func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// isDateTime takes a date-time of RFC 3339 section 5.6. Its T and Z may be
// small. Package time also takes an hour of one digit, a comma before the fraction and
// zones beyond 23:59.
func isDateTime(text string) bool {
	text = strings.ToUpper(text)
	if _, err := time.Parse(time.RFC3339, text); err != nil || text[len("2006-01-02T15")] != ':' || strings.Contains(text, ",") {
		return false
	}
	if strings.HasSuffix(text, "Z") {
		return true
	}
	zone := text[len(text)-len("07:00"):]
	return zone[:2] <= "23" && zone[3:] <= "59"
}

// decimal is a number as it is written, exactly: 0.digits times ten to the power
// of point. It takes no more memory than its text, so 1e999999999 is as cheap as 1.
type decimal struct {
	neg    bool
	digits string // without zeros at either end; empty for zero
	point  int64
}

// farthest bounds the exponent that is told apart from a larger one. What lies
// beyond has no use, and no text is long enough to bring it back.
const farthest = 1 << 48

// parseDecimal reads a JSON number (RFC 8259 section 6).
func parseDecimal(text string) (d decimal, ok bool) {
	c := jsonrpc.NewCursor([]byte(text), 0)
	if c.Kind() != jsonrpc.Number || len(c.Skip()) != len(text) || c.Err() != nil {
		return decimal{}, false
	}
	mantissa, exponent := text, int64(0)
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		var err error
		mantissa = text[:e]
		if exponent, err = strconv.ParseInt(text[e+1:], 10, 64); err != nil || exponent > farthest || exponent < -farthest {
			exponent = farthest
			if text[e+1] == '-' {
				exponent = -farthest
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

// whole tells that nothing is behind the point.
func (d decimal) whole() bool { return int64(len(d.digits)) <= d.point || d.digits == "" }

// compare returns -1, 0 or 1: d is less than other, equal or greater.
func (d decimal) compare(other decimal) int {
	if a, b := d.sign(), other.sign(); a != b || a == 0 {
		return cmp.Compare(a, b)
	}
	size := cmp.Compare(d.point, other.point)
	if size == 0 {
		size = strings.Compare(d.digits, other.digits) // 5 before 51 before 6: as fractions are
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

// maxPlain is how many digits a whole number may have to be written out.
const maxPlain = 400

// plain writes a whole number without point and exponent; ok is false if it is
// not one, or too long for that.
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

// exclusive turns an exclusive bound into an inclusive one: for whole numbers
// the next one in the direction of step, else the bound itself.
func exclusive(bound json.Number, kind FieldKind, step int64) json.Number {
	d, ok := parseDecimal(string(bound))
	if !ok || kind != FieldInteger {
		return bound
	}
	text, ok := d.plain()
	if !ok { // 0.5 excludes no whole number
		return bound
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return bound
	}
	return json.Number(n.Add(n, big.NewInt(step)).String())
}

// tighter returns the bound that leaves less: the greater if step is 1, the
// lesser if it is -1. "" is none.
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
