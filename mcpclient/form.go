package mcpclient

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/hawser-mcp/hawser/internal/wire"
)

// Form is what a server asks a person to fill in: a flat object of fields
// (2026-07-28, "Elicitation", "Requested Schema").
type Form struct {
	// Fields are in the server's order.
	Fields []Field
	// Schema is the requested schema as received.
	Schema json.RawMessage
}

// FieldKind is what kind of value a field takes.
type FieldKind uint8

const (
	// FieldString takes a string.
	FieldString FieldKind = iota + 1
	// FieldNumber takes a number, of any size and precision.
	FieldNumber
	// FieldInteger takes a whole number, however it is written: 3 and 3.0 are.
	FieldInteger
	// FieldBool takes true or false.
	FieldBool
	// FieldChoice takes the value of one of its Options, a string.
	FieldChoice
	// FieldChoices takes the values of any of its Options, each once, a []string.
	FieldChoices
)

// Field is one field of a form. Texts are the server's.
type Field struct {
	// Name is the member of the content that the field makes.
	Name string
	// Title is what to call the field, "" if the server did not say.
	Title string
	// Description explains it, "" if the server did not.
	Description string
	Kind        FieldKind
	// Required says that the content must have it.
	Required bool
	// Default is the value to start from, nil for none: a string, a
	// json.Number, a bool or a []string, as Kind says. A default of the server's
	// that the field itself would refuse is none.
	Default any
	// Format is what a string must be: "email", "uri", "date", "date-time", ""
	// for anything. Other formats are not part of the protocol and become "".
	Format string
	// MinLength and MaxLength bound a string, in characters; nil is no bound.
	MinLength, MaxLength *int
	// Minimum and Maximum bound a number, inclusively; "" is no bound. An
	// exclusive bound of the server's is the next whole number for FieldInteger; for
	// FieldNumber, which cannot tell, it is taken as inclusive.
	Minimum, Maximum json.Number
	// Options are what FieldChoice and FieldChoices choose from; their values differ.
	Options []Option
	// MinItems and MaxItems bound how many FieldChoices takes; nil is no bound.
	MinItems, MaxItems *int
}

// Option is one choice of a field.
type Option struct {
	// Value is what is sent.
	Value string
	// Title is what to show; it is Value if the server named none.
	Title string
}

// FieldError says what is wrong with the value of one field.
type FieldError struct {
	// Field is the field's name.
	Field string
	// Reason says what is wrong, in words for the person who filled it in.
	Reason string
}

// Error names the field and the reason. A name is the server's text: an unusual
// one is quoted and cut. What was filled in is not repeated.
func (e *FieldError) Error() string { return wire.PathKey([]byte(e.Field)) + ": " + e.Reason }

// Defaults returns the content of the form as it is before anybody touches it:
// the fields that have a default value. It is a new map each time, with slices of its own.
func (f *Form) Defaults() map[string]any {
	content := map[string]any{}
	for i := range f.Fields {
		field := &f.Fields[i]
		switch value := field.Default.(type) {
		case nil:
		case []string:
			content[field.Name] = append([]string{}, value...) // [], not null, if it is empty
		default:
			content[field.Name] = value
		}
	}
	return content
}

// option returns the index of the option with a value, -1 if there is none.
func (f *Field) option(value string) int {
	return slices.IndexFunc(f.Options, func(o Option) bool { return o.Value == value })
}

// Parse reads what a person typed as a value of the field, and checks it as
// [Form.Validate] does. It returns what Default may hold.
//
//   - A string is taken as it is; one with a Format without the space around it.
//   - A number may have a plus sign and zeros before it. A whole number is written
//     without point and exponent unless it is very long.
//   - A boolean is true, false, yes, no, y or n.
//   - A choice is an option's value, its title (in any case, if that leaves no
//     doubt) or, if it is neither, its number, from 1.
//   - Choices are separated by commas; a value or title may have commas itself.
//     What is named twice counts once. Nothing is no choice.
//
// The error is a [*FieldError].
func (f *Field) Parse(text string) (any, error) {
	value, reason := f.parse(text)
	if reason != "" {
		return nil, &FieldError{Field: f.Name, Reason: reason}
	}
	return value, nil
}

func (f *Field) parse(text string) (value any, reason string) {
	trimmed := strings.TrimSpace(text)
	switch f.Kind {
	case FieldNumber, FieldInteger:
		number := f.numeral(trimmed)
		return json.Number(number), f.checkNumber(number)
	case FieldBool:
		switch strings.ToLower(trimmed) {
		case "true", "yes", "y":
			return true, ""
		case "false", "no", "n":
			return false, ""
		}
		return nil, "must be yes or no"
	case FieldChoice:
		i, reason := f.index().find(text)
		if reason != "" {
			return nil, reason
		}
		return f.Options[i].Value, ""
	case FieldChoices:
		values, reason := f.parseChoices(text)
		if reason != "" {
			return nil, reason
		}
		return values, f.checkChoices(values)
	default:
		text = strings.ToValidUTF8(text, "\ufffd") // as JSON has it
		if formats[f.Format] != nil {
			text = strings.TrimSpace(text)
		}
		return text, f.checkText(text)
	}
}

// numeral turns what is typed as a number into JSON's way of writing it, if it is one.
func (f *Field) numeral(text string) string {
	digits, plus := strings.CutPrefix(text, "+")
	digits, minus := strings.CutPrefix(digits, "-")
	if plus && minus {
		return ""
	}
	for len(digits) > 1 && digits[0] == '0' && '0' <= digits[1] && digits[1] <= '9' {
		digits = strings.TrimPrefix(digits, "0")
	}
	if strings.HasPrefix(digits, ".") {
		digits = "0" + digits
	}
	if minus {
		digits = "-" + digits
	}
	if f.Kind == FieldInteger {
		if d, ok := parseDecimal(digits); ok {
			if plain, ok := d.plain(); ok {
				return plain
			}
		}
	}
	return digits
}

// parseChoices reads a list of choices.
func (f *Field) parseChoices(text string) (values []string, reason string) {
	values = []string{}
	index := f.index()
	commas := 0 // that an option may have in it
	for _, o := range f.Options {
		commas = max(commas, strings.Count(o.Value, ","), strings.Count(o.Title, ","))
	}
	taken := map[int]bool{}
	parts := strings.Split(text, ",")
	for len(parts) > 0 {
		if strings.TrimSpace(parts[0]) == "" {
			parts = parts[1:]
			continue
		}
		// The longest run of parts that is an option counts.
		n, i := min(len(parts), commas+1), -1
		for ; n > 0; n-- {
			if i, reason = index.find(strings.Join(parts[:n], ",")); i >= 0 {
				break
			}
		}
		if i < 0 {
			return nil, reason
		}
		parts = parts[n:]
		if !taken[i] {
			taken[i] = true
			values = append(values, f.Options[i].Value)
		}
	}
	return values, ""
}

// optionIndex finds options by what a person may call them.
type optionIndex struct {
	value, title, folded map[string]int // ambiguous if it is of several
	n                    int
}

const ambiguous = -1

func (f *Field) index() *optionIndex {
	x := &optionIndex{value: map[string]int{}, title: map[string]int{}, folded: map[string]int{}, n: len(f.Options)}
	add := func(m map[string]int, name string, i int) {
		if at, there := m[name]; there && at != i {
			i = ambiguous
		}
		m[name] = i
	}
	for i, o := range f.Options {
		if _, again := x.value[o.Value]; again {
			continue
		}
		x.value[o.Value] = i
		title := o.Title
		if title == "" {
			title = o.Value
		}
		add(x.title, strings.TrimSpace(title), i)
		add(x.folded, strings.ToLower(strings.TrimSpace(title)), i)
	}
	return x
}

// find returns the option that a person means; -1 with what to say if there is
// none or more than one.
func (x *optionIndex) find(text string) (i int, reason string) {
	if i, ok := x.value[text]; ok {
		return i, ""
	}
	text = strings.TrimSpace(text)
	for _, by := range []struct {
		names map[string]int
		name  string
	}{{x.value, text}, {x.title, text}, {x.folded, strings.ToLower(text)}} {
		switch i, ok := by.names[by.name]; {
		case ok && i == ambiguous:
			return -1, "could mean more than one of the choices"
		case ok:
			return i, ""
		}
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= x.n {
		return n - 1, ""
	}
	return -1, "must be one of the choices"
}
