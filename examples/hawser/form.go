package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/form"
)

// maxShownOptions is the maximum number of options listed. The user can still type the others.
const maxShownOptions = 100

// fillIn asks the user for every field of a form, shows the answers and asks whether to send them.
// Its error is errDeclined, errClosed or the context's error.
func (d *dialog) fillIn(who string, r *mcpclient.FormRequest) (map[string]any, error) {
	d.say("\n" + who + " asks you to fill in a form:")
	d.quote(r.Message)
	if len(r.Form.Fields) > 0 {
		d.say("Press Enter to keep the value in [brackets], or to skip a field without one. !skip skips it too.")
		d.say("!decline declines the form, !cancel cancels it.")
	}
	values := r.Form.Defaults()
	if values == nil {
		values = make(map[string]any)
	}
	for {
		for i := range r.Form.Fields {
			if err := d.fillField(r.Form, i, values); err != nil {
				return nil, err
			}
		}
		d.summary(r.Form, values)
		if err := r.Form.Validate(values); err != nil {
			d.say("  invalid answers: " + oneLine(err.Error(), 300))
			continue
		}
		answer, err := d.choose("Send this? [Y]es, [e]dit, [d]ecline, [c]ancel: ", true, "yes", "edit", "decline", "cancel")
		switch {
		case err != nil:
			return nil, err
		case answer == "yes":
			return values, nil
		case answer == "decline":
			return nil, errDeclined
		case answer == "cancel":
			return nil, errClosed
		}
	}
}

// fillField asks for one field until the answer is valid, and adds it to values.
func (d *dialog) fillField(f *form.Form, i int, values map[string]any) error {
	field := &f.Fields[i]
	d.say(fmt.Sprintf("\n%d/%d %s: %s", i+1, len(f.Fields), label(field), describeField(field)))
	if text := oneLine(field.Description, 500); text != "" {
		d.say("    " + text)
	}
	d.options(field)
	prompt := "> "
	if value, ok := values[field.Name]; ok {
		prompt = "[" + oneLine(showValue(field, value), 200) + "] > "
	}
	for {
		line, err := d.ask(prompt)
		if err != nil {
			return err
		}
		value, keep, err := readField(field, line, values)
		switch {
		case err != nil:
			d.say("    invalid: " + oneLine(reason(err), 300))
			continue
		case value != nil:
			values[field.Name] = value
		case !keep:
			delete(values, field.Name)
		}
		return nil
	}
}

var errRequired = errors.New("an answer is required")

// readField parses a typed line. If keep is true, the current value stays. A nil value without keep
// means that the field is skipped.
func readField(field *form.Field, line string, values map[string]any) (value any, keep bool, err error) {
	_, has := values[field.Name]
	switch text := strings.TrimSpace(line); {
	case text == "" && has:
		return nil, true, nil
	case (text == "" || text == "!skip") && field.Required:
		return nil, false, errRequired
	case text == "" || text == "!skip":
		return nil, false, nil
	case strings.HasPrefix(text, "!!"): // !! means a literal !
		line = strings.Replace(line, "!!", "!", 1)
	case strings.HasPrefix(text, "!"):
		return nil, false, fmt.Errorf("unknown command %s: use !skip, !decline or !cancel, and type !! for a ! at the start of a text", text)
	}
	value, err = parseField(field, line)
	return value, false, err
}

// reason returns the text of an error without the field's name, which the prompt already shows.
func reason(err error) string {
	var field *form.FieldError
	if errors.As(err, &field) {
		return field.Reason
	}
	return err.Error()
}

func label(field *form.Field) string {
	if title := oneLine(field.Title, 100); title != "" {
		return title
	}
	return oneLine(field.Name, 100)
}

// describeField describes the values that a field accepts.
func describeField(field *form.Field) string {
	parts := []string{kindText(field)}
	switch least, most := field.MinLength, field.MaxLength; {
	case least != nil && most != nil:
		parts = append(parts, fmt.Sprintf("%d to %d characters", *least, *most))
	case least != nil:
		parts = append(parts, fmt.Sprintf("at least %d characters", *least))
	case most != nil:
		parts = append(parts, fmt.Sprintf("at most %d characters", *most))
	}
	if field.Minimum != "" {
		parts = append(parts, "from "+oneLine(field.Minimum.String(), 40))
	}
	if field.Maximum != "" {
		parts = append(parts, "up to "+oneLine(field.Maximum.String(), 40))
	}
	if field.MinItems != nil {
		parts = append(parts, fmt.Sprintf("at least %d", *field.MinItems))
	}
	if field.MaxItems != nil {
		parts = append(parts, fmt.Sprintf("at most %d", *field.MaxItems))
	}
	if field.Required {
		return strings.Join(append(parts, "required"), ", ")
	}
	return strings.Join(append(parts, "optional"), ", ")
}

func kindText(field *form.Field) string {
	switch field.Kind {
	case form.String:
		if format := oneLine(field.Format, 40); format != "" {
			return "text (" + format + ")"
		}
		return "text"
	case form.Number:
		return "a number"
	case form.Integer:
		return "a whole number"
	case form.Bool:
		return "yes or no"
	case form.Choice:
		return "one of these, by number or name"
	case form.Choices:
		return "any of these, by number or name, separated by commas"
	}
	return ""
}

func (d *dialog) options(field *form.Field) {
	for i, option := range field.Options {
		if i == maxShownOptions {
			d.say(fmt.Sprintf("    and %d more", len(field.Options)-i))
			return
		}
		d.say(fmt.Sprintf("    %d) %s", i+1, optionText(option)))
	}
}

func optionText(option form.Option) string {
	if title := oneLine(option.Title, 200); title != "" {
		return title
	}
	return oneLine(option.Value, 200)
}

// summary shows all answers before they are sent.
func (d *dialog) summary(f *form.Form, values map[string]any) {
	if len(f.Fields) == 0 {
		return
	}
	d.say("\nYour answers:")
	for i := range f.Fields {
		field := &f.Fields[i]
		text := "(skipped)"
		if value, ok := values[field.Name]; ok {
			text = oneLine(showValue(field, value), 500)
		}
		d.say("  " + label(field) + ": " + text)
	}
}

// showValue formats a value for the user.
func showValue(field *form.Field, value any) string {
	switch v := value.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		return titleOf(field, v)
	case []string:
		titles := make([]string, len(v))
		for i := range v {
			titles[i] = titleOf(field, v[i])
		}
		return strings.Join(titles, ", ")
	case json.Number:
		return v.String()
	}
	return fmt.Sprint(value)
}

func titleOf(field *form.Field, value string) string {
	for _, option := range field.Options {
		if option.Value == value {
			return optionText(option)
		}
	}
	return value
}
