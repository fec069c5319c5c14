package mcpclient

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// maxExpanded bounds the URI that a template makes, in bytes: a template may
// name one variable any number of times.
const maxExpanded = 64 << 10

// Variables returns the names of the template's variables, in their order, each
// once; nil if the template cannot be parsed.
func (t *ResourceTemplate) Variables() []string {
	parsed, err := t.parse()
	if err != nil {
		return nil
	}
	return slices.Clone(parsed.Varnames())
}

// Expand returns the URI that the template makes of values (RFC 6570). A value is
// a string, a []string or a map[string]string, whose pairs are sorted by their
// keys; a variable without a value, or with an empty list or map, is
// undefined. A value whose name is not in the template is an error: most
// often it is misspelt. So is a URI of more than 64 KiB.
func (t *ResourceTemplate) Expand(values map[string]any) (string, error) {
	parsed, err := t.parse()
	if err != nil {
		return "", err
	}
	if err := checkValues(values, parsed.Varnames()); err != nil {
		return "", err
	}
	e := expander{values: values}
	e.template(parsed.Raw())
	if e.err != nil {
		return "", e.err
	}
	return string(e.uri), nil
}

// parse returns the parsed template, or why it cannot be. A template that was
// not decoded but made by the user may have only one of its two forms.
func (t *ResourceTemplate) parse() (*mcp.URITemplate, error) {
	if t.URITemplate != nil && t.URITemplate.Template != nil {
		return t.URITemplate, nil
	}
	parsed := new(mcp.URITemplate)
	if err := parsed.UnmarshalJSON(jsonrpc.AppendString(nil, t.RawURITemplate)); err != nil {
		return nil, &templateError{err}
	}
	return parsed, nil
}

// templateError is why a text is not a URI template.
type templateError struct{ err error }

func (e *templateError) Error() string {
	return "not a URI template (RFC 6570): " + cutText(e.err.Error()) // it quotes the server's text
}

func (e *templateError) Unwrap() error { return e.err }

// cutText makes text of a server fit to be shown in an error.
func cutText(s string) string {
	const most = 200
	more := ""
	if len(s) > most {
		s, more = s[:most], "…"
	}
	return strconv.QuoteToASCII(s) + more
}

// checkValues checks that there is a variable for each value, and that it is of a known type.
func checkValues(values map[string]any, names []string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the template has no variable %s: it has %s", cutText(name), nameList(names))
		}
		if err := checkValue(values[name]); err != nil {
			return fmt.Errorf("variable %s: %w", cutText(name), err)
		}
	}
	return nil
}

var errNotUTF8 = errors.New("a value that is not UTF-8 has no place in a URI template")

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
		return fmt.Errorf("a value is a string, a []string or a map[string]string, not a %T", value)
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
		quoted[i] = cutText(name)
	}
	return strings.Join(quoted, ", ") + more
}

// operator is how an expression is expanded (RFC 6570, appendix A).
type operator struct {
	first, sep string
	named      bool
	ifEmpty    string // behind the name of an empty value
	reserved   bool   // reserved characters and triplets stay as they are
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

// expander expands a template. Package uritemplate, which parses it and is
// what makes it sure here that the template is one, does not encode text as UTF-8
// when it expands.
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

// template expands a text that is known to be a template.
func (e *expander) template(text string) {
	for e.err == nil {
		literal, rest, found := strings.Cut(text, "{")
		e.encode(literal, true)
		if !found {
			return
		}
		expression, behind, _ := strings.Cut(rest, "}")
		e.expression(expression)
		text = behind
	}
}

func (e *expander) expression(text string) {
	op, there := operators[text[0]]
	if there {
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
	prefix  int // at most so many characters of it; 0 for all
	explode bool
}

// variable expands one variable behind lead; false if it is undefined.
func (e *expander) variable(v variable, lead string) bool {
	var members [][2]string // key, if it is a map, and value
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
		e.fail(fmt.Errorf("variable %s: the template wants the first characters of it, which must be those of a string", cutText(v.name)))
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

// exploded expands a list or a map as a value for each member.
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

var errLongURI = fmt.Errorf("the expanded URI is longer than %d bytes", maxExpanded)

// add adds text as it is.
func (e *expander) add(text string) {
	if len(e.uri)+len(text) > maxExpanded {
		e.fail(errLongURI)
		return
	}
	e.uri = append(e.uri, text...)
}

// encode adds text with each byte encoded that is not unreserved; with
// reserved, reserved characters and what is encoded already stay, too.
func (e *expander) encode(text string, reserved bool) {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(text) && e.err == nil; i++ {
		b := text[i]
		switch {
		case isUnreserved(b), reserved && (isReserved(b) || isTriplet(text[i:])):
			e.add(text[i : i+1]) // the digits of a triplet are unreserved themselves
		default:
			e.add(string([]byte{'%', digits[b>>4], digits[b&0xf]}))
		}
	}
}

// firstCharacters returns the first n characters of s. With triplets, what is
// encoded already counts as the character that it encodes.
func firstCharacters(s string, n int, triplets bool) string {
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		more := false // of the character before
		if triplets && isTriplet(s[i:]) {
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

func isUnreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~", b) >= 0
}

func isReserved(b byte) bool { return strings.IndexByte(":/?#[]@!$&'()*+,;=", b) >= 0 }

// isTriplet reports whether s begins with a percent sign and two hexadecimal digits.
func isTriplet(s string) bool {
	return len(s) >= 3 && s[0] == '%' && isTripletDigit(s[1]) && isTripletDigit(s[2])
}

func isTripletDigit(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}
