package mcpclient

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// What a person can still be asked, with room to spare.
const (
	maxFields  = 1_000  // of a form
	maxOptions = 10_000 // of a field
	maxBound   = 1_000  // digits of a minimum or maximum, which error texts repeat
)

// formReader reads schemas of forms, and contents.
type formReader struct{ wire.Reader }

// parseForm reads a requested schema (2026-07-28, "Elicitation", "Requested
// Schema"), which it keeps. It is wider than the protocol where a person can
// answer all the same: a type that may also be null, a type that follows from the
// options. What no field can stand for is an error that names it. Keywords that the
// protocol does not have (pattern) are left to the server to enforce; so are names in
// "required" that are no properties, for which there is nothing to fill in.
func parseForm(schema json.RawMessage) (*Form, error) {
	r := formReader{wire.NewReader(schema, nil)}
	form := &Form{Schema: schema}
	var required []string
	for key := range r.Members() {
		switch string(key) {
		case "type":
			if types, _ := r.types(); len(types) > 0 && !slices.Contains(types, "object") {
				r.Fail(errors.New("a form is an object"))
			}
		case "properties":
			form.Fields = r.fields()
		case "required":
			required = nil
			for range r.Elements() {
				required = append(required, r.String())
			}
		default:
			r.Skip()
		}
	}
	r.End()
	if err := r.Err(); err != nil {
		return nil, publicError(err)
	}
	needed := make(map[string]bool, len(required))
	for _, name := range required {
		needed[name] = true
	}
	for i := range form.Fields {
		form.Fields[i].Required = needed[form.Fields[i].Name]
	}
	return form, nil
}

// fields reads properties; null is none. Of two of one name the last counts, as
// everywhere, in the place of the first.
func (r *formReader) fields() (fields []Field) {
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
			r.Fail(&LimitError{What: "fields in a form", Limit: maxFields})
			continue
		}
		place[name] = len(fields)
		fields = append(fields, field)
	}
	return fields
}

// field reads the schema of a property.
func (r *formReader) field(name string) Field {
	s := r.property(0)
	if r.Err() != nil {
		return Field{}
	}
	f, err := s.field(name)
	r.Fail(err)
	return f
}

// property is the schema of a property as read, before it is known what kind
// of field it makes.
type property struct {
	title, description, format string

	types                                    []string // without null; empty if it does not say
	minLength, maxLength, minItems, maxItems *int
	minimum, maximum                         json.Number
	above, below                             json.Number // the exclusive bounds
	enum                                     []*string   // nil in it stands for null
	enumNames                                []string
	constant                                 *string
	oneOf, anyOf                             alternatives
	items                                    *property
	fallback                                 json.RawMessage // the default

	null      bool // only null fits it
	never     bool // nothing fits it
	listed    bool // it has an enum, be it empty
	notText   bool // an option is neither a string nor null
	elsewhere bool // it says what fits by a keyword that is not followed here
}

// alternatives are what is in a oneOf or anyOf, without null.
type alternatives struct {
	options []Option
	others  []*property // which are no options: the first two
}

// maxNested is how deep the schemas of a property are looked at: the items of a
// list, which may be one of some alternatives, each of which names an option.
const maxNested = 3

// property reads a schema that is so many levels inside that of a property.
func (r *formReader) property(level int) *property {
	s := &property{}
	if r.Kind() == jsonrpc.Bool { // a schema that anything fits, or nothing
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
			s.fallback = r.OptRaw()
		default:
			r.propertyChoices(s, string(key), level)
		}
	}
	return s
}

// propertyChoices reads a member that says what can be chosen from.
func (r *formReader) propertyChoices(s *property, key string, level int) {
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
		s.elsewhere = true
		r.Skip()
	default:
		r.Skip()
	}
}

// alternatives reads the oneOf or anyOf of s.
func (r *formReader) alternatives(s *property, level int) (a alternatives) {
	if level > maxNested {
		s.elsewhere = true
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

// optionValue reads what an option of s stands for; null is nil.
func (r *formReader) optionValue(s *property) *string {
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

func (r *formReader) limitOptions(i int) {
	if i >= maxOptions {
		r.Fail(&LimitError{What: "options in a field", Limit: maxOptions})
	}
}

// types reads the type of a schema, one or a list of them. Null is left out of
// it; only tells that there is nothing else.
func (r *formReader) types() (types []string, only bool) {
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

// count reads a length. One that no text or list can have is no bound.
func (r *formReader) count() *int {
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
func (r *formReader) bound() json.Number {
	if r.TryNull() {
		return ""
	}
	text := r.number()
	if len(text) > maxBound {
		r.Fail(&LimitError{What: "digits in a bound", Limit: maxBound})
	}
	return json.Number(text)
}

// number reads a number as it is written.
func (r *formReader) number() string {
	if r.Kind() != jsonrpc.Number {
		r.Float64() // which tells what it found instead
		return ""
	}
	return string(r.Skip())
}

var (
	errNever      = errors.New("no value fits it")
	errNotText    = errors.New("options that are not strings")
	errNoOptions  = errors.New("no options to choose from")
	errNestedType = errors.New("not a string, a number, a boolean or a choice")
)

// field returns the field that the property makes. The error is for a
// property that no field can stand for.
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
	case FieldString:
		f.MinLength, f.MaxLength = inner.minLength, inner.maxLength
		if formats[inner.format] != nil {
			f.Format = inner.format
		}
	case FieldNumber, FieldInteger:
		f.Minimum = tighter(inner.minimum, exclusive(inner.above, kind, 1), 1)
		f.Maximum = tighter(inner.maximum, exclusive(inner.below, kind, -1), -1)
	case FieldBool:
	case FieldChoice:
		f.Options = options
	case FieldChoices:
		f.Options, f.MinItems, f.MaxItems = options, inner.minItems, inner.maxItems
	}
	f.Default = f.fitting(s.fallback)
	if f.Default == nil {
		f.Default = f.fitting(inner.fallback)
	}
	return f, nil
}

// kind tells what kind of field the property makes, with its options. Inner is
// the schema that bounds it: s, or the one alternative of s that is not null,
// which is how optional fields are often written.
func (s *property) kind() (kind FieldKind, options []Option, inner *property, err error) {
	if options, given := s.options(); given {
		switch {
		case s.notText && !s.is("boolean"): // a boolean needs no options
			return 0, nil, nil, errNotText
		case len(s.types) == 0 || s.is("string"):
			if len(options) == 0 {
				return 0, nil, nil, errNoOptions
			}
			return FieldChoice, options, s, nil
		}
	}
	switch {
	case s.is("string"):
		return FieldString, nil, s, nil
	case s.is("number"):
		return FieldNumber, nil, s, nil
	case s.is("integer"):
		return FieldInteger, nil, s, nil
	case s.is("boolean"):
		return FieldBool, nil, s, nil
	case s.is("array"), len(s.types) == 0 && s.items != nil:
		options, err := s.itemOptions()
		return FieldChoices, options, s, err
	case len(s.types) > 0, s.elsewhere:
		return 0, nil, nil, errNestedType
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
		return 0, nil, nil, errNestedType
	}
	if s.minimum != "" || s.maximum != "" || s.above != "" || s.below != "" {
		return FieldNumber, nil, s, nil
	}
	return FieldString, nil, s, nil // anything fits, so a text does
}

// is tells whether a value of the type fits.
func (s *property) is(name string) bool { return slices.Contains(s.types, name) }

// options returns what the schema lists, each value once, in the server's
// order; given tells that it lists something.
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
		if o.Title == "" {
			o.Title = o.Value
		}
		kept = append(kept, o)
	}
	return kept, given
}

// itemOptions returns what the items of a list are chosen from. Items that are
// free text are not part of the protocol.
func (s *property) itemOptions() ([]Option, error) {
	if s.items == nil || s.items.never {
		return nil, errNoOptions
	}
	kind, options, _, err := s.items.kind()
	switch {
	case err != nil:
		return nil, err
	case kind != FieldChoice:
		return nil, errNoOptions
	}
	return options, nil
}

// fitting reads a default; nil if the field would refuse it.
func (f *Field) fitting(text json.RawMessage) any {
	if text == nil {
		return nil
	}
	r := formReader{wire.NewReader(text, nil)}
	value, reason := f.take(&r)
	if reason != "" || r.Err() != nil {
		return nil
	}
	return value
}
