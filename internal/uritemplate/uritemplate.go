// Package uritemplate expands URI templates (RFC 6570).
//
// yosida95/uritemplate, the parser that package mcp uses, is not suitable for expansion. It escapes
// code points instead of UTF-8, drops NUL, cuts prefixes in the middle of a character, escapes
// existing escapes in reserved expansions, and does not limit the result.
package uritemplate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hawser-mcp/hawser/internal/urichars"
)

// maxLength bounds an expanded URI, in bytes, because a template may repeat a variable many times.
const maxLength = 64 << 10

var errLength = fmt.Errorf("the expanded URI is longer than %d bytes", maxLength)

// Expand returns the URI for a valid template with the variables in names. A value is a string, a
// []string or a map[string]string, whose keys are sorted. A variable without a value, or with an
// empty list or map, is undefined. A value whose variable is not in names is an error.
func Expand(template string, names []string, values map[string]any) (string, error) {
	if err := checkValues(values, names); err != nil {
		return "", err
	}
	e := expander{values: values}
	e.template(template)
	if e.err != nil {
		return "", e.err
	}
	return string(e.uri), nil
}

// Quote makes a server's text safe for an error: it truncates the text and escapes everything but
// printable ASCII.
func Quote(s string) string {
	const most = 200
	more := ""
	if len(s) > most {
		s, more = s[:most], "…"
	}
	return strconv.QuoteToASCII(s) + more
}

// checkValues checks that each value has a variable and a supported type.
func checkValues(values map[string]any, names []string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the template has no variable %s; its variables: %s", Quote(name), nameList(names))
		}
		if err := checkValue(values[name]); err != nil {
			return fmt.Errorf("variable %s: %w", Quote(name), err)
		}
	}
	return nil
}

var errNotUTF8 = errors.New("the value must be UTF-8")

func checkValue(value any) error {
	valid := true
	switch v := value.(type) {
	case string:
		valid = utf8.ValidString(v)
	case []string:
		for _, member := range v {
			valid = valid && utf8.ValidString(member)
		}
	case map[string]string:
		for key, member := range v {
			valid = valid && utf8.ValidString(key) && utf8.ValidString(member)
		}
	default:
		return fmt.Errorf("expected a string, a []string or a map[string]string, got %T", value)
	}
	if !valid {
		return errNotUTF8
	}
	return nil
}

func nameList(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	const most = 10
	more := ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(" and %d more", len(names)-most)
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = Quote(name)
	}
	return strings.Join(quoted, ", ") + more
}

// operator describes how an expression is expanded (RFC 6570, appendix A).
type operator struct {
	first, sep string
	named      bool
	ifEmpty    string // follows the name of an empty value
	reserved   bool   // keeps reserved characters and escapes
}

var operators = map[byte]operator{
	0:   {sep: ","},
	'+': {sep: ",", reserved: true},
	'#': {first: "#", sep: ",", reserved: true},
	'.': {first: ".", sep: "."},
	'/': {first: "/", sep: "/"},
	';': {first: ";", sep: ";", named: true},
	'?': {first: "?", sep: "&", named: true, ifEmpty: "="},
	'&': {first: "&", sep: "&", named: true, ifEmpty: "="},
}

// expander expands one template.
type expander struct {
	values map[string]any
	uri    []byte
	err    error
}

func (e *expander) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// template expands text, which is a valid template.
func (e *expander) template(text string) {
	for e.err == nil {
		literal, rest, found := strings.Cut(text, "{")
		e.encode(literal, true)
		if !found {
			return
		}
		var expression string
		expression, text, _ = strings.Cut(rest, "}")
		e.expression(expression)
	}
}

func (e *expander) expression(text string) {
	op, found := operators[text[0]]
	if found {
		text = text[1:]
	} else {
		op = operators[0]
	}
	lead := op.first
	for spec := range strings.SplitSeq(text, ",") {
		v := variable{operator: op}
		spec, v.explode = strings.CutSuffix(spec, "*")
		name, prefix, _ := strings.Cut(spec, ":")
		v.name = name
		v.prefix, _ = strconv.Atoi(prefix) // 0 if there is none
		if e.variable(v, lead) {
			lead = op.sep
		}
		if e.err != nil {
			return
		}
	}
}

// variable is one variable of an expression.
type variable struct {
	operator
	name    string
	prefix  int // how many characters of the value to use; 0 for all
	explode bool
}

// variable expands one variable, preceded by lead. It reports false if the variable is undefined.
func (e *expander) variable(v variable, lead string) bool {
	var members [][2]string // key (of a map) and value
	isMap := false
	switch value := e.values[v.name].(type) {
	case string:
		e.add(lead)
		e.text(v, value)
		return true
	case []string:
		for _, member := range value {
			members = append(members, [2]string{"", member})
		}
	case map[string]string:
		isMap = true
		for _, key := range slices.Sorted(maps.Keys(value)) {
			members = append(members, [2]string{key, value[key]})
		}
	}
	if len(members) == 0 {
		return false
	}
	if v.prefix > 0 {
		e.fail(fmt.Errorf("variable %s: expected a string, since the template uses a prefix of it", Quote(v.name)))
		return false
	}
	e.add(lead)
	if v.explode {
		e.exploded(v, members, isMap)
	} else {
		e.joined(v, members, isMap)
	}
	return true
}

// text expands a string.
func (e *expander) text(v variable, value string) {
	if v.named {
		e.encode(v.name, true)
		if value == "" {
			e.add(v.ifEmpty)
			return
		}
		e.add("=")
	}
	if v.prefix > 0 {
		value = firstCharacters(value, v.prefix, v.reserved)
	}
	e.encode(value, v.reserved)
}

// joined expands a list or a map as one value.
func (e *expander) joined(v variable, members [][2]string, isMap bool) {
	if v.named {
		e.encode(v.name, true)
		e.add("=")
	}
	for i, member := range members {
		if i > 0 {
			e.add(",")
		}
		if isMap {
			e.encode(member[0], v.reserved)
			e.add(",")
		}
		e.encode(member[1], v.reserved)
	}
}

// exploded expands each member of a list or a map as a separate value.
func (e *expander) exploded(v variable, members [][2]string, isMap bool) {
	for i, member := range members {
		if i > 0 {
			e.add(v.sep)
		}
		switch {
		case v.named && isMap:
			e.encode(member[0], true) // as a literal: RFC 6570, section 3.2.1
		case v.named:
			e.encode(v.name, true)
		case isMap:
			e.encode(member[0], v.reserved)
		}
		switch {
		case v.named && member[1] == "":
			e.add(v.ifEmpty)
			continue
		case v.named, isMap:
			e.add("=")
		}
		e.encode(member[1], v.reserved)
	}
}

// add appends text to the result unchanged.
func (e *expander) add(text string) {
	if len(e.uri)+len(text) > maxLength {
		e.fail(errLength)
		return
	}
	e.uri = append(e.uri, text...)
}

// encode appends text and escapes every byte that is not unreserved. If reserved is true, it keeps
// reserved characters and existing escapes.
func (e *expander) encode(text string, reserved bool) {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(text) && e.err == nil; i++ {
		b := text[i]
		switch {
		case urichars.Unreserved(b), reserved && (urichars.Reserved(b) || urichars.Escape(text[i:])):
			e.add(text[i : i+1]) // the digits of an escape are unreserved
		default:
			e.add(string([]byte{'%', digits[b>>4], digits[b&0xf]}))
		}
	}
}

// firstCharacters returns the first n characters of s. If escapes is true, the escaped bytes of one
// character count as one character.
func firstCharacters(s string, n int, escapes bool) string {
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		more := false // this byte continues the preceding character
		if escapes && urichars.Escape(s[i:]) {
			b, _ := strconv.ParseUint(s[i+1:i+3], 16, 8) // two hexadecimal digits
			size, more = 3, b&0xc0 == 0x80
		}
		if !more {
			if n == 0 {
				return s[:i]
			}
			n--
		}
		i += size
	}
	return s
}
