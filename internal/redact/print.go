// Package redact keeps secrets out of printed text. It prints values that hold secrets, and masks
// secrets that a server's text repeats.
package redact

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Text replaces a secret.
const Text = "[redacted]"

// Describe formats the struct v: the given type name, then those parts of its fields that cannot
// hold a secret. These are booleans, numbers and lengths, keys of maps, and whether functions,
// pointers and interfaces are set. It omits the strings of a field unless shown names the field;
// see [Address] for fields that are URLs. It also omits zero and unexported fields.
func Describe(name string, v any, shown ...string) string {
	return name + fields(reflect.ValueOf(v), shown)
}

// Write implements fmt.Formatter for a type that prints as text, whatever the verb.
func Write(f fmt.State, text string) { _, _ = io.WriteString(f, text) }

// JSON implements json.Marshaler for a type that prints as text.
func JSON(text string) ([]byte, error) { return json.Marshal(text) }

// Printed makes a type that embeds it print as a fixed text, both by value and by pointer. It is
// for types with locks: a value method of such a type would copy the locks.
type Printed struct{ text string }

// NewPrinted returns a Printed with the given text.
func NewPrinted(text string) Printed { return Printed{text} }

// Format prints the text, whatever the verb.
func (p Printed) Format(f fmt.State, _ rune) { Write(f, p.shown()) }

// MarshalJSON returns the text as a JSON string.
func (p Printed) MarshalJSON() ([]byte, error) { return JSON(p.shown()) }

func (p Printed) shown() string {
	if p.text == "" {
		return Text
	}
	return p.text
}

// Address returns a URL without its userinfo, query and fragment.
func Address(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return Text
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

func fields(v reflect.Value, shown []string) string {
	var parts []string
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || v.Field(i).IsZero() {
			continue
		}
		parts = append(parts, field.Name+":"+value(v.Field(i), slices.Contains(shown, field.Name)))
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// value returns the text of one field. open says whether strings in the field are shown.
func value(v reflect.Value, open bool) string {
	switch v.Kind() {
	case reflect.String:
		switch {
		case !open:
			return Text
		case strings.Contains(v.String(), "://"):
			return Address(v.String())
		}
		return v.String()
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return names(v)
		}
		return fmt.Sprintf("len %d", v.Len())
	case reflect.Slice, reflect.Array:
		if open {
			return texts(v)
		}
		return fmt.Sprintf("len %d", v.Len())
	case reflect.Struct:
		if f, ok := reflect.TypeAssert[fmt.Formatter](v); ok {
			return fmt.Sprintf("%v", f)
		}
		if !open {
			return fields(v, nil)
		}
		all := make([]string, v.NumField())
		for i := range all {
			all[i] = v.Type().Field(i).Name
		}
		return fields(v, all)
	case reflect.Func, reflect.Pointer, reflect.Interface, reflect.Chan, reflect.UnsafePointer:
		return "set"
	default:
		return fmt.Sprint(v.Interface())
	}
}

// names returns the keys of a map, sorted.
func names(v reflect.Value) string {
	keys := make(map[string]bool, v.Len())
	for _, key := range v.MapKeys() {
		keys[key.String()] = true
	}
	return fmt.Sprint(slices.Sorted(maps.Keys(keys)))
}

// texts returns the elements of a slice that is shown.
func texts(v reflect.Value) string {
	all := make([]string, v.Len())
	for i := range all {
		all[i] = value(v.Index(i), true)
	}
	return fmt.Sprint(all)
}
