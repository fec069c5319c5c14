package form

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// Limits of a form. A user could not fill in a larger form.
const (
	maxFields  = 1_000
	maxOptions = 10_000 // of one field
	maxBound   = 1_000  // digits of a minimum or maximum, which error texts repeat
)

// reader reads schemas and form contents.
type reader struct{ wire.Reader }

// Parse parses a requested schema. The form keeps the slice, which must not change afterwards.
//
// Parse accepts more than the protocol does if a user can still answer, such as types that include
// null, and options without a type. It ignores keywords that the protocol does not define, such as
// pattern, and names in "required" that are not properties. The server enforces those.
//
// Parse fails if a property fits no [Kind], and for more than 1,000 fields, 10,000 options in a
// field or 1,000 digits in a bound. Its errors name the path, as in "properties.age.minimum: …".
func Parse(schema json.RawMessage) (*Form, error) {
	r := reader{wire.NewReader(schema, nil)}
	form := &Form{Schema: schema}
	var required map[string]bool
	for key := range r.Members() {
		switch string(key) {
		case "type":
			if types, _ := r.types(); len(types) > 0 && !slices.Contains(types, "object") {
				r.Fail(errors.New("the schema of a form must be of type object"))
			}
		case "properties":
			form.Fields = r.fields()
		case "required":
			required = map[string]bool{}
			for range r.Elements() {
				required[r.String()] = true
			}
		default:
			r.Skip()
		}
	}
	r.End()
	if err := r.Err(); err != nil {
		return nil, err
	}
	for i := range form.Fields {
		form.Fields[i].Required = required[form.Fields[i].Name]
	}
	return form, nil
}

// fields reads the properties; null means none. If a name appears twice, the last one counts, in
// the position of the first.
func (r *reader) fields() (fields []Field) {
	if r.TryNull() {
		return nil
	}
	place := map[string]int{}
	for key := range r.Members() {
		r.Keep()
		name := string(key)
		field := r.field(name)
		if i, again := place[name]; again {
			fields[i] = field
			continue
		}
		if len(fields) == maxFields {
			r.Fail(&wire.LimitError{What: "fields in a form", Limit: maxFields})
			continue
		}
		place[name] = len(fields)
		fields = append(fields, field)
	}
	return fields
}

// field reads the schema of a property.
func (r *reader) field(name string) Field {
	s := r.property(0)
	if r.Err() != nil {
		return Field{}
	}
	f, err := s.field(name)
	r.Fail(err)
	return f
}

// property is the schema of a property before its kind is known.
type property struct {
	title, description, format string

	types                                    []string // without null; empty if absent
	minLength, maxLength, minItems, maxItems *int
	minimum, maximum                         json.Number
	above, below                             json.Number // exclusive bounds
	enum                                     []*string   // a nil element is null
	enumNames                                []string
	constant                                 *string
	oneOf, anyOf                             alternatives
	items                                    *property
	initial                                  json.RawMessage // the default

	null        bool // only null is valid
	never       bool // no value is valid
	listed      bool // it has an enum, possibly empty
	notText     bool // an option is neither a string nor null
	unsupported bool // it depends on a keyword that is not evaluated here
}

// alternatives are the members of a oneOf or anyOf, without null.
type alternatives struct {
	options []Option
	others  []*property // the first two that are not options
}

// maxNested bounds how deep schemas inside a property are read: the items of a list may be one of
// several alternatives, each of which may define an option.
const maxNested = 3

// property reads a schema that is nested level deep inside a property.
func (r *reader) property(level int) *property {
	s := &property{}
	if r.Kind() == jsonrpc.Bool { // true accepts any value, false none
		s.never = !r.Bool()
		return s
	}
	for key := range r.Members() {
		switch string(key) {
		case "type":
			s.types, s.null = r.types()
		case "title":
			s.title = r.OptString()
		case "description":
			s.description = r.OptString()
		case "format":
			s.format = r.OptString()
		case "minLength":
			s.minLength = r.count()
		case "maxLength":
			s.maxLength = r.count()
		case "minItems":
			s.minItems = r.count()
		case "maxItems":
			s.maxItems = r.count()
		case "minimum":
			s.minimum = r.bound()
		case "maximum":
			s.maximum = r.bound()
		case "exclusiveMinimum":
			s.above = r.bound()
		case "exclusiveMaximum":
			s.below = r.bound()
		case "default":
			s.initial = r.OptRaw()
		default:
			r.propertyChoices(s, string(key), level)
		}
	}
	return s
}

// propertyChoices reads a member that lists options.
func (r *reader) propertyChoices(s *property, key string, level int) {
	switch key {
	case "enum":
		s.enum, s.listed = nil, r.Kind() != jsonrpc.Null
		for i := range r.Elements() {
			s.enum = append(s.enum, r.optionValue(s))
			r.limitOptions(i)
		}
	case "enumNames":
		s.enumNames = nil
		for range r.Elements() {
			s.enumNames = append(s.enumNames, r.OptString())
		}
	case "const":
		s.constant = r.optionValue(s)
		s.null = s.null || s.constant == nil && !s.notText
	case "oneOf":
		s.oneOf = r.alternatives(s, level+1)
	case "anyOf":
		s.anyOf = r.alternatives(s, level+1)
	case "items":
		if s.items = nil; level < maxNested && r.Kind() == jsonrpc.Object {
			s.items = r.property(level + 1)
			return
		}
		r.Skip()
	case "$ref", "$dynamicRef", "allOf", "properties":
		s.unsupported = true
		r.Skip()
	default:
		r.Skip()
	}
}

// alternatives reads the oneOf or anyOf of s.
func (r *reader) alternatives(s *property, level int) (a alternatives) {
	if level > maxNested {
		s.unsupported = true
		r.Skip()
		return a
	}
	for i := range r.Elements() {
		r.limitOptions(i)
		one := r.property(level)
		switch {
		case one.notText:
			s.notText = true
		case one.constant != nil:
			a.options = append(a.options, Option{Value: *one.constant, Title: one.title})
		case !one.null && len(a.others) < 2:
			a.others = append(a.others, one)
		}
	}
	return a
}

// optionValue reads the value of an option of s; null is nil.
func (r *reader) optionValue(s *property) *string {
	switch r.Kind() {
	case jsonrpc.String:
		value := r.String()
		return &value
	case jsonrpc.Null:
	default:
		s.notText = true
	}
	r.Skip()
	return nil
}

func (r *reader) limitOptions(i int) {
	if i >= maxOptions {
		r.Fail(&wire.LimitError{What: "options in a field", Limit: maxOptions})
	}
}

// types reads the type of a schema, one name or a list. It leaves out null; onlyNull reports that
// there was nothing else.
func (r *reader) types() (types []string, onlyNull bool) {
	if r.TryNull() {
		return nil, false
	}
	found := false
	add := func() {
		found = true
		if name := r.String(); name != "null" {
			types = append(types, name)
		}
	}
	if r.Kind() == jsonrpc.Array {
		for range r.Elements() {
			add()
		}
	} else {
		add()
	}
	return types, found && len(types) == 0
}

// count reads a length. A length that no text or list can have counts as no limit.
func (r *reader) count() *int {
	if r.TryNull() {
		return nil
	}
	text := r.number()
	d, ok := parseDecimal(text)
	if !ok || d.neg || !d.whole() || d.compare(decimalOf(math.MaxInt32)) > 0 {
		return nil
	}
	plain, _ := d.plain()
	n, _ := strconv.Atoi(plain) // of ten digits at most
	return &n
}

// bound reads a minimum or maximum.
func (r *reader) bound() json.Number {
	if r.TryNull() {
		return ""
	}
	text := r.number()
	if len(text) > maxBound {
		r.Fail(&wire.LimitError{What: "digits in a bound", Limit: maxBound})
	}
	return json.Number(text)
}

// number reads a number and returns its text.
func (r *reader) number() string {
	if r.Kind() != jsonrpc.Number {
		r.Float64() // fails with an error that names the kind found
		return ""
	}
	return string(r.Skip())
}
