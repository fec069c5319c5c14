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
	maxOptions = 10_000 // per field
	maxBound   = 1_000  // digits of a minimum or maximum; error texts repeat the bound
)

// reader reads schemas and form contents.
type reader struct{ wire.Reader }

// Parse parses a requested schema. The form retains schema, so the caller must not modify schema
// afterwards.
//
// Parse is more lenient than the protocol where a user can still answer. For example, a type may
// include null, and options need no type. Parse ignores keywords that the protocol does not define,
// such as pattern, and names in "required" that are not properties. The server must enforce what
// Parse ignores.
//
// Parse fails if no [Kind] fits a property, or if the schema has more than 1,000 fields, 10,000
// options in a field or 1,000 digits in a bound. Its errors name the path to the invalid value, as
// in "properties.age.minimum: …".
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

// fields reads the "properties" member of a schema. It returns nil for null. If a name appears
// twice, the second definition replaces the first but keeps its position.
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

// field reads the schema of a property and returns the form field for it.
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
	enum                                     []*string   // a nil element stands for null
	enumNames                                []string
	constant                                 *string
	oneOf, anyOf                             alternatives
	items                                    *property
	initial                                  json.RawMessage // the default

	null        bool // only null is valid
	never       bool // no value is valid
	listed      bool // the schema has an enum, possibly empty
	notText     bool // an option is neither a string nor null
	unsupported bool // the schema has a keyword that this package does not evaluate
}

// alternatives holds the schemas of a oneOf or anyOf, except null.
type alternatives struct {
	options []Option
	others  []*property // the first two schemas that are not options
}

// maxNested is how many levels of schemas inside a property are read. Three levels are enough for
// an optional list: its alternatives, the list's items, and their options.
const maxNested = 3

// property reads the schema of a property, or a schema nested inside it. level is the depth, 0 for
// the property itself.
func (r *reader) property(level int) *property {
	s := &property{}
	if r.Kind() == jsonrpc.Bool { // true accepts every value, false accepts no value
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

// propertyChoices reads the schema member named key into s if it affects which options s has. It
// skips all other members.
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

// optionValue reads the value of one option of s. It returns nil unless the value is a string. It
// sets s.notText if the value is neither a string nor null.
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

// types reads the type of a schema, which is one name or a list of names. The returned types
// exclude null. onlyNull reports whether null was the only type.
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

// count reads a length limit. It returns nil, which means no limit, for null and for a number that
// cannot be the length of a text or list.
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
	n, _ := strconv.Atoi(plain) // plain has at most ten digits
	return &n
}

// bound reads a minimum or maximum. It returns "" for null.
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
