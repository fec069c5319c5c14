// Package form decodes and validates the forms that an MCP server asks a user to fill in.
//
// [Parse] turns a requested schema into a [Form]: a flat list of fields, each with one [Kind]. Show
// the fields, start with [Form.Defaults], and check the answers with [Form.Validate]. The package
// follows MCP 2026-07-28, "Elicitation", "Requested Schema". The server supplies all texts of a
// form.
package form

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// Form is a form that a server asks a user to fill in. The zero value has no fields.
type Form struct {
	// Fields lists the fields in the server's order.
	Fields []Field
	// Schema is the requested schema as received.
	Schema json.RawMessage
}

// Kind is the kind of value that a field takes.
type Kind uint8

const (
	// String takes a string.
	String Kind = iota + 1
	// Number takes a number of any size and precision.
	Number
	// Integer takes a whole number in any notation: 3 and 3.0 are the same.
	Integer
	// Bool takes true or false.
	Bool
	// Choice takes a string: the value of one of the Options.
	Choice
	// Choices takes a []string: the values of any number of Options, each at most once.
	Choices
)

// Field is one field of a form.
type Field struct {
	// Name is the field's member name in the content object.
	Name string
	// Title is the label to show. It is empty if the server sent no title.
	Title string
	// Description explains the field. It is empty if the server sent no description.
	Description string
	Kind        Kind
	// Required means that the content must have the field.
	Required bool
	// Default is the initial value: a string, json.Number, bool or []string, depending on Kind. It
	// is nil if the server sent no default or an invalid one.
	Default any
	// Format constrains a String: "email", "uri", "date", "date-time", or "" for any text. Formats
	// that the protocol does not define become "".
	Format string
	// MinLength and MaxLength limit a String, in characters. Nil means no limit.
	MinLength, MaxLength *int
	// Minimum and Maximum limit a number, inclusively. Empty means no limit. If the server sent an
	// exclusive bound, an Integer field gets the next whole number as an inclusive bound. A Number
	// field treats the exclusive bound as inclusive.
	Minimum, Maximum json.Number
	// Options are the options of a Choice or Choices field. No two have the same Value.
	Options []Option
	// MinItems and MaxItems limit how many Options the user may choose in a Choices field. Nil
	// means no limit.
	MinItems, MaxItems *int
}

// Option is one option of a Choice or Choices field.
type Option struct {
	// Value is sent to the server.
	Value string
	// Title is shown to the user. It equals Value if the server sent no title.
	Title string
}

// FieldError reports an invalid value of one field.
type FieldError struct {
	// Field is the field's name.
	Field string
	// Reason says what is wrong, in words for the user. It never contains the value.
	Reason string
}

// Error returns the field and the reason. The server chooses the field's name, so Error quotes and
// truncates an unusual name.
func (e *FieldError) Error() string { return wire.PathKey([]byte(e.Field)) + ": " + e.Reason }

// Defaults returns the content of a form that the user has not changed: all fields that have a
// default value. The caller owns the map and its slices.
func (f *Form) Defaults() map[string]any {
	content := map[string]any{}
	for i := range f.Fields {
		field := &f.Fields[i]
		switch value := field.Default.(type) {
		case nil:
		case []string:
			content[field.Name] = append([]string{}, value...) // an empty list stays [], not null
		default:
			content[field.Name] = value
		}
	}
	return content
}

var (
	errNever     = errors.New("no value is valid")
	errNoOptions = errors.New("no options to choose from")
	errType      = errors.New("not a string, a number, a boolean or a choice")
)

// field returns the form field for the property. It fails if no kind of field fits the property.
func (s *property) field(name string) (Field, error) {
	if s.never || s.null {
		return Field{}, errNever
	}
	kind, options, inner, err := s.kind()
	if err != nil {
		return Field{}, err
	}
	f := Field{
		Name: name, Kind: kind, Title: cmp.Or(s.title, inner.title), Description: cmp.Or(s.description, inner.description),
	}
	switch kind {
	case String:
		f.MinLength, f.MaxLength = inner.minLength, inner.maxLength
		if formats[inner.format] != nil {
			f.Format = inner.format
		}
	case Number, Integer:
		f.Minimum = tighter(inner.minimum, exclusive(inner.above, kind, 1), 1)
		f.Maximum = tighter(inner.maximum, exclusive(inner.below, kind, -1), -1)
	case Bool:
	case Choice:
		f.Options = options
	case Choices:
		f.Options, f.MinItems, f.MaxItems = options, inner.minItems, inner.maxItems
	}
	f.Default = f.initial(s.initial)
	if f.Default == nil {
		f.Default = f.initial(inner.initial)
	}
	return f, nil
}

// kind returns the field's kind and options. inner is the schema that holds the field's limits. It
// is usually s. If s has a single alternative besides null, inner is that alternative: optional
// fields are often written this way.
func (s *property) kind() (kind Kind, options []Option, inner *property, err error) {
	if options, given := s.options(); given {
		switch {
		case s.notText && !s.is("boolean"): // the options of a boolean are ignored
			return 0, nil, nil, errors.New("the options must be strings")
		case len(s.types) == 0 || s.is("string"):
			if len(options) == 0 {
				return 0, nil, nil, errNoOptions
			}
			return Choice, options, s, nil
		}
	}
	switch {
	case s.is("string"):
		return String, nil, s, nil
	case s.is("number"):
		return Number, nil, s, nil
	case s.is("integer"):
		return Integer, nil, s, nil
	case s.is("boolean"):
		return Bool, nil, s, nil
	case s.is("array"), len(s.types) == 0 && s.items != nil:
		options, err := s.itemOptions()
		return Choices, options, s, err
	case len(s.types) > 0, s.unsupported:
		return 0, nil, nil, errType
	}
	for _, a := range []alternatives{s.oneOf, s.anyOf} {
		switch len(a.others) {
		case 0:
			continue
		case 1:
			one := a.others[0]
			if one.never || one.null {
				return 0, nil, nil, errNever
			}
			return one.kind()
		}
		return 0, nil, nil, errType
	}
	if s.minimum != "" || s.maximum != "" || s.above != "" || s.below != "" {
		return Number, nil, s, nil
	}
	return String, nil, s, nil // the schema accepts any value, so a string is valid
}

// is reports whether the schema lists the type.
func (s *property) is(name string) bool { return slices.Contains(s.types, name) }

// options returns the options that the schema lists, in the server's order and without duplicates.
// given reports whether the schema lists options, even if none of them is usable.
func (s *property) options() (options []Option, given bool) {
	switch {
	case len(s.oneOf.options) > 0:
		options = s.oneOf.options
	case len(s.anyOf.options) > 0:
		options = s.anyOf.options
	case s.listed:
		for i, value := range s.enum {
			if value == nil {
				continue
			}
			o := Option{Value: *value}
			if i < len(s.enumNames) {
				o.Title = s.enumNames[i]
			}
			options = append(options, o)
		}
	case s.constant != nil:
		options = []Option{{Value: *s.constant}}
	}
	given = options != nil || s.listed || s.notText
	seen := make(map[string]bool, len(options))
	kept := options[:0]
	for _, o := range options {
		if seen[o.Value] {
			continue
		}
		seen[o.Value] = true
		o.Title = cmp.Or(o.Title, o.Value)
		kept = append(kept, o)
	}
	return kept, given
}

// itemOptions returns the options for the items of a list. It fails if the items have no options,
// because the protocol has no lists of free text.
func (s *property) itemOptions() ([]Option, error) {
	if s.items == nil || s.items.never {
		return nil, errNoOptions
	}
	kind, options, _, err := s.items.kind()
	switch {
	case err != nil:
		return nil, err
	case kind != Choice:
		return nil, errNoOptions
	}
	return options, nil
}

// initial decodes a default. It returns nil if text is nil or is not a valid value of the field.
func (f *Field) initial(text json.RawMessage) any {
	if text == nil {
		return nil
	}
	r := reader{wire.NewReader(text, nil)}
	value, reason := f.take(&r)
	if reason != "" || r.Err() != nil {
		return nil
	}
	return value
}
