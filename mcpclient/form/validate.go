package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// Validate checks the answers to a form. content is a json.RawMessage, or anything that encodes to
// a JSON object. If content is nil or encodes to null, Validate checks [Form.Defaults], because the
// defaults are then sent to the server. Otherwise, Validate does not fill in defaults: a field that
// is missing from content has no value.
//
// The error is nil if content is valid. It joins a [*FieldError] for each invalid field, in the
// form's order, and then one for each unknown member. If content is not an object, the error
// contains no FieldError.
func (f *Form) Validate(content any) error {
	text, raw := content.(json.RawMessage)
	if !raw {
		var err error
		if text, err = json.Marshal(content); err != nil {
			return fmt.Errorf("content: %w", err)
		}
	}
	r := reader{wire.NewReader(text, nil)}
	if raw && text == nil || r.Kind() == jsonrpc.Null && r.TryNull() && r.isEnd() {
		return f.Validate(f.Defaults())
	}
	return f.check(&r)
}

// isEnd reports whether only white space follows.
func (r *reader) isEnd() bool {
	r.End()
	return r.Err() == nil
}

// check decodes the content of a form and checks it against the form.
func (f *Form) check(r *reader) error {
	place := make(map[string]int, len(f.Fields))
	for i := range f.Fields {
		place[f.Fields[i].Name] = i
	}
	wrong := make([]string, len(f.Fields))
	seen := make([]bool, len(f.Fields))
	var unknown []error
	for key := range r.Members() {
		i, ok := place[string(key)]
		switch {
		case !ok:
			unknown = append(unknown, &FieldError{Field: string(key), Reason: "is not a field of the form"})
			r.Skip()
		case seen[i]: // servers differ in which of the two values they use
			wrong[i] = "appears twice"
			r.Skip()
		default:
			seen[i] = true
			_, wrong[i] = f.Fields[i].take(r)
		}
	}
	r.End()
	if err := r.Err(); err != nil {
		return fmt.Errorf("content: %w", err)
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
	return errors.Join(append(errs, unknown...)...)
}

// take reads a value and validates it against the field. reason says why the value is invalid,
// without repeating the value; it is "" if the value is valid. If the JSON is malformed, the reader
// fails.
func (f *Field) take(r *reader) (value any, reason string) {
	found := r.Kind()
	if found == jsonrpc.Null {
		r.Skip()
		return nil, "must have a value or be left out"
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

// wants returns the kind of JSON value that the field takes, and the reason to report for any other
// kind.
func (f *Field) wants() (kind jsonrpc.Kind, reason string) {
	switch f.Kind {
	case Number:
		return jsonrpc.Number, "must be a number"
	case Integer:
		return jsonrpc.Number, "must be a whole number"
	case Bool:
		return jsonrpc.Bool, "must be true or false"
	case Choice:
		return jsonrpc.String, "must be one of the choices"
	case Choices:
		return jsonrpc.Array, "must be some of the choices"
	default:
		return jsonrpc.String, "must be text"
	}
}

// checkText returns the reason why a string is invalid, or "" if it is valid.
func (f *Field) checkText(text string) string {
	if f.Kind == Choice {
		if !slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == text }) {
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
	if format := formats[f.Format]; format != nil && !format.matches(text) {
		return format.reason
	}
	return ""
}

// checkNumber returns the reason why a JSON number is invalid, or "" if it is valid. It ignores a
// bound that is not a number.
func (f *Field) checkNumber(text string) string {
	d, ok := parseDecimal(text)
	if _, reason := f.wants(); !ok || f.Kind == Integer && !d.whole() {
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

// checkChoices returns the reason why a list of choices is invalid, or "" if it is valid. It
// refuses duplicates, although the protocol permits them: they have no meaning, and a server might
// count them.
func (f *Field) checkChoices(values []string) string {
	left := make(map[string]bool, len(f.Options))
	for _, o := range f.Options {
		left[o.Value] = true
	}
	for _, value := range values {
		free, known := left[value]
		switch {
		case !known:
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
