// Package form decodes and validates the forms that an MCP server asks a user to fill in.
//
// [Parse] turns a requested schema into a [Form]: a flat list of fields, each with one [Kind]. Show
// the fields, start with [Form.Defaults], and check the answers with [Form.Validate]. The rules are
// those of MCP 2026-07-28, "Elicitation", "Requested Schema". All texts of a form come from the
// server.
package form

import (
	"encoding/json"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// Form is a form that a server asks a user to fill in. The zero value has no fields.
type Form struct {
	// Fields are in the server's order.
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
	// Choices takes a []string: the values of any Options, each at most once.
	Choices
)

// Field is one field of a form.
type Field struct {
	// Name is the name of the field in the content.
	Name string
	// Title is the label to show. It is empty if the server sent none.
	Title string
	// Description explains the field. It is empty if the server sent none.
	Description string
	Kind        Kind
	// Required means that the content must have the field.
	Required bool
	// Default is the initial value: a string, json.Number, bool or []string, depending on Kind. It
	// is nil if the server sent none, or sent a value that is invalid for the field.
	Default any
	// Format constrains a String: "email", "uri", "date", "date-time", or "" for any text. Formats
	// that the protocol does not define become "".
	Format string
	// MinLength and MaxLength limit a String, in characters. Nil means no limit.
	MinLength, MaxLength *int
	// Minimum and Maximum limit a number, inclusively. Empty means no limit. For Integer, an
	// exclusive bound of the server becomes the next whole number. For Number, it is treated as
	// inclusive.
	Minimum, Maximum json.Number
	// Options are the values that Choice and Choices choose from. No value appears twice.
	Options []Option
	// MinItems and MaxItems limit how many Options a Choices field may choose. Nil means no limit.
	MinItems, MaxItems *int
}

// Option is one option of a Choice or Choices field.
type Option struct {
	// Value is sent to the server.
	Value string
	// Title is shown to the user. It equals Value if the server sent none.
	Title string
}

// FieldError reports an invalid value of one field.
type FieldError struct {
	// Field is the field's name.
	Field string
	// Reason says what is wrong, in words for the user. It never contains the value.
	Reason string
}

// Error returns the field and the reason. The name comes from the server, so an unusual one is
// quoted and cut.
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
