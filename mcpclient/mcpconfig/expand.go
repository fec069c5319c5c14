package mcpconfig

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// variable finds what is filled in: ${…}, {env:…} and {file:…} of opencode, {{NAME}} of LibreChat.
var variable = regexp.MustCompile(`\$\{([^}]*)\}?|\{(env|file):([^}]*)\}|\{\{([A-Z][A-Z0-9_]*)\}\}`)

// variableName is a name that may be shown.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// unfilled finds values in the forms of shells, which are not filled in.
var unfilled = regexp.MustCompile(`^(Bearer )?(\$[A-Za-z_]\w*|%[A-Za-z_]\w*%)$`)

// expand fills variables in, once: it does not look for variables in what it filled in.
func (o *fields) expand(text string) (string, error) {
	var b strings.Builder
	end := 0
	for _, at := range variable.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[end:at[0]])
		end = at[1]
		part := func(i int) string {
			if at[2*i] < 0 {
				return ""
			}
			return text[at[2*i]:at[2*i+1]]
		}
		var filled string
		var err error
		switch {
		case at[2] >= 0 && text[at[1]-1] != '}':
			err = errors.New("a ${ has no }")
		case at[2] >= 0:
			filled, err = o.braced(part(1))
		case part(2) == "env":
			filled, err = o.env(part(3))
		case part(2) == "file":
			err = errors.New("{file:…} is not supported: use ${NAME} and set the variable")
		default:
			filled, err = o.personal(part(4))
		}
		if err != nil {
			return "", err
		}
		b.WriteString(filled)
	}
	b.WriteString(text[end:])
	return b.String(), nil
}

// braced returns the value of ${content}.
func (o *fields) braced(content string) (string, error) {
	if v, ok := o.f.loader.Vars[content]; ok {
		return v, nil
	}
	if id, ok := strings.CutPrefix(content, "input:"); ok {
		return o.f.answer(id, o.off)
	}
	name, byDefault, hasDefault := strings.Cut(strings.TrimPrefix(content, "env:"), ":-")
	if strings.Contains(byDefault, "${") {
		return "", errors.New("a default must not contain a variable")
	}
	v, err := o.env(name)
	if errors.Is(err, errUnset) && hasDefault {
		return byDefault, nil
	}
	return v, err
}

var errUnset = errors.New("set it, or write a default such as ${NAME:-value}")

// env returns the value of a variable of the environment. An empty one counts as unset.
func (o *fields) env(name string) (string, error) {
	lookup := o.f.loader.Env
	if lookup == nil {
		lookup = os.LookupEnv
	}
	if !variableName.MatchString(name) {
		return "", errors.New("a variable has an invalid name: expected ${NAME}, ${NAME:-default}, ${env:NAME} or ${input:ID}")
	}
	if v, ok := lookup(name); ok && v != "" {
		return v, nil
	}
	return "", fmt.Errorf("the variable %s is not set: %w", name, errUnset)
}

// personal returns the value of {{NAME}}.
func (o *fields) personal(name string) (string, error) {
	if v, ok := o.f.loader.Vars[name]; ok {
		return v, nil
	}
	return "", fmt.Errorf("{{%s}} is filled in for each user by LibreChat: write ${NAME}, or set it in Loader.Vars", name)
}

// input is one of a file's inputs and its answer.
type input struct {
	Input

	asked  bool
	answer string
	err    error
}

// readInputs reads the inputs of VS Code.
func (f *file) readInputs() {
	for _, v := range f.layout.inputs {
		list, ok := v.data.([]value)
		if !ok {
			f.report(Problem{Line: v.line, Key: "inputs", Reason: "expected an array, got " + v.kind()})
			continue
		}
		for i, item := range list {
			f.readInput(fmt.Sprintf("inputs[%d]", i), item)
		}
	}
}

func (f *file) readInput(key string, v value) {
	inner, ok := v.data.(*object)
	if !ok {
		f.report(Problem{Line: v.line, Key: key, Reason: "expected an object, got " + v.kind()})
		return
	}
	o := &fields{f: f, prefix: key + ".", object: inner, failed: new(bool), off: true}
	in := &input{}
	in.ID, _, _ = o.text("id", loses)
	in.Type, _, _ = o.text("type", loses)
	in.Description, _, _ = o.text("description", loses)
	in.Default, _, _ = o.text("default", loses)
	in.Options = o.options()
	in.Password, _ = o.flag("password", loses)
	o.silent("command", "args")
	o.done(loses)
	if _, known := f.inputs[in.ID]; known {
		o.problem("id", v.line, "ignored: another input has this id")
		return
	}
	f.inputs[in.ID] = in
}

// options returns the options of a pickString: texts, or objects with a label and a value.
func (o *fields) options() (list []string) {
	array, _, _ := typed[[]value](o, "options", "an array", loses)
	for _, item := range array {
		switch data := item.data.(type) {
		case string:
			list = append(list, data)
		case *object:
			v, _ := data.get("value")
			if text, ok := v.data.(string); ok {
				list = append(list, text)
			}
		}
	}
	return list
}

// answer returns the answer to an input. It asks once.
func (f *file) answer(id string, off bool) (string, error) {
	if !variableName.MatchString(id) {
		return "", errors.New("an input has an invalid id")
	}
	in, known := f.inputs[id]
	switch {
	case !known:
		return "", fmt.Errorf("the file has no input with the id %s: add it to inputs", id)
	case in.asked:
	case off:
		return "", fmt.Errorf("the input %s was not asked for", id)
	case f.loader.Input == nil:
		return "", fmt.Errorf("the input %s needs an answer, and Loader.Input is not set: use ${NAME} instead", id)
	default:
		in.asked = true
		in.answer, in.err = f.loader.Input(f.ctx, in.Input)
	}
	if in.err != nil {
		return "", fmt.Errorf("the input %s was not answered", id) // the error may quote an answer
	}
	return in.answer, nil
}

// filled returns a text with its variables filled in, and whether it can be used. key and line say
// where the text is.
func (o *fields) filled(key string, line int, text string) (string, bool) {
	v, err := o.expand(text)
	if err != nil {
		o.fatal(key, line, redact.Line(err.Error(), 512))
		return "", false
	}
	if unfilled.MatchString(text) {
		o.problem(key, line, "a name in the form of a shell is sent as it is: write ${NAME} to fill it in")
	}
	return v, true
}

// expanded is text with filled.
func (o *fields) expanded(key string, cost severity) (v string, line int, ok bool) {
	text, line, ok := o.text(key, cost)
	if !ok {
		return "", line, false
	}
	v, ok = o.filled(key, line, text)
	return v, line, ok
}
