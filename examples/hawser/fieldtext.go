package main

import (
	"cmp"
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hawser-mcp/hawser/mcpclient/form"
)

// parseField converts typed text into a valid value of the field. The Go types are those of
// [form.Form.Defaults].
//
//   - Text is trimmed if the field has a format; other text is kept unchanged.
//   - A number may have a plus sign and leading zeros.
//   - A boolean is true, false, yes, no, y or n.
//   - A choice is an option's value, its title (ignoring case), or its number, counted from 1.
//   - Choices are separated by commas. Values and titles may contain commas. Duplicates count once.
//
// The error is or wraps a [*form.FieldError].
func parseField(field *form.Field, text string) (any, error) {
	value, reason := fieldValue(field, text)
	if reason != "" {
		return nil, &form.FieldError{Field: field.Name, Reason: reason}
	}
	one := form.Form{Fields: []form.Field{*field}}
	if err := one.Validate(map[string]any{field.Name: value}); err != nil {
		return nil, err
	}
	return value, nil
}

// fieldValue returns the value to validate, or the reason why the text is not a value.
func fieldValue(field *form.Field, text string) (value any, reason string) {
	trimmed := strings.TrimSpace(text)
	switch field.Kind {
	case form.Number, form.Integer:
		return jsonNumber(trimmed, field.Kind == form.Integer), ""
	case form.Bool:
		switch strings.ToLower(trimmed) {
		case "true", "yes", "y":
			return true, ""
		case "false", "no", "n":
			return false, ""
		}
		return nil, "must be yes or no"
	case form.Choice:
		i, reason := findOption(field.Options, text)
		if reason != "" {
			return nil, reason
		}
		return field.Options[i].Value, ""
	case form.Choices:
		return choices(field.Options, text)
	case form.String:
	}
	if field.Format != "" {
		text = trimmed
	}
	return strings.ToValidUTF8(text, "\ufffd"), "" // JSON encodes it the same way
}

// numeral is a number as users write it: sign, whole part, fraction and exponent.
var numeral = regexp.MustCompile(`^(?:\+|(-))?(?:0*(\d+)(\.\d+)?|(\.\d+))([eE][+-]?\d+)?$`)

// jsonNumber returns text as a JSON number. Text that is not a number is returned unchanged, and
// Validate refuses it. If whole is true, the number has no point or exponent, unless that makes it
// very long.
func jsonNumber(text string, whole bool) any {
	const longest = 400 // digits
	m := numeral.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	text = m[1] + cmp.Or(m[2], "0") + m[3] + m[4] + m[5]
	if !whole || len(text) > longest {
		return json.Number(text)
	}
	if r, ok := new(big.Rat).SetString(text); ok && r.IsInt() && r.Num().BitLen() < 3*longest {
		text = r.Num().String()
	}
	return json.Number(text)
}

// choices returns the values of the options in a comma-separated list, or the reason why the list
// is invalid.
func choices(options []form.Option, text string) (values []string, reason string) {
	values = []string{}
	commas := 0 // the most commas in one value or title
	for _, o := range options {
		commas = max(commas, strings.Count(o.Value, ","), strings.Count(o.Title, ","))
	}
	parts := strings.Split(text, ",")
	for len(parts) > 0 {
		if strings.TrimSpace(parts[0]) == "" {
			parts = parts[1:]
			continue
		}
		// Use the longest run of parts that names an option.
		n, i := min(len(parts), commas+1), -1
		for ; n > 0; n-- {
			if i, reason = findOption(options, strings.Join(parts[:n], ",")); i >= 0 {
				break
			}
		}
		if i < 0 {
			return nil, reason
		}
		parts = parts[n:]
		if value := options[i].Value; !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values, ""
}

// findOption returns the index of the option that text names. If text names no option, or several,
// it returns -1 and the reason.
func findOption(options []form.Option, text string) (i int, reason string) {
	i = slices.IndexFunc(options, func(o form.Option) bool { return o.Value == text })
	if i >= 0 {
		return i, ""
	}
	text = strings.TrimSpace(text)
	title := func(o form.Option) string { return strings.TrimSpace(cmp.Or(o.Title, o.Value)) }
	for _, named := range []func(form.Option) bool{
		func(o form.Option) bool { return o.Value == text },
		func(o form.Option) bool { return title(o) == text },
		func(o form.Option) bool { return strings.EqualFold(title(o), text) },
	} {
		for at, o := range options {
			if !named(o) {
				continue
			}
			if i >= 0 && options[i].Value != o.Value {
				return -1, "could mean more than one of the choices"
			}
			i = at
		}
		if i >= 0 {
			return i, ""
		}
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(options) {
		return n - 1, ""
	}
	return -1, "must be one of the choices"
}
