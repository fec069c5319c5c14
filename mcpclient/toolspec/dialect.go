package toolspec

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Dialect is the form in which an API expects functions and their results. docs/models.md lists
// what each API accepts, with sources.
type Dialect uint8

const (
	// OpenAIChat is the Chat Completions API of OpenAI. Azure, Mistral and many others have the
	// same form.
	OpenAIChat Dialect = iota + 1
	// OpenAIResponses is the Responses API of OpenAI.
	OpenAIResponses
	// Anthropic is the Messages API of Anthropic.
	Anthropic
	// Gemini is generateContent of the Gemini API and of Vertex AI. The list that Encode returns is
	// the value of functionDeclarations.
	Gemini
	// Bedrock is the Converse API of Amazon Bedrock.
	Bedrock
)

// rules are what an API accepts.
type rules struct {
	label    string
	name     *regexp.Regexp // the names of functions
	property *regexp.Regexp // the names of properties of the root; nil: any
	count    int            // functions in a request; 0: no limit is known
	bytes    int            // a request; 0: no limit is known
	inline   bool           // references are replaced
}

var (
	name64  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	name128 = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
)

var dialects = map[Dialect]*rules{
	OpenAIChat:      {label: "OpenAI Chat Completions", name: name64, count: 128},
	OpenAIResponses: {label: "OpenAI Responses", name: name64, count: 128},
	Anthropic: {
		label: "Anthropic Messages", name: name128, property: regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`), bytes: 32 << 20,
	},
	Gemini: {
		label: "Gemini", name: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$`),
		property: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`), count: 512, bytes: 20 << 20, inline: true,
	},
	Bedrock: {label: "Bedrock Converse", name: name64},
}

// String returns the name of the API.
func (d Dialect) String() string {
	if r := dialects[d]; r != nil {
		return r.label
	}
	return fmt.Sprintf("dialect %d", uint8(d))
}

func (d Dialect) rules() (*rules, error) {
	if r := dialects[d]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("toolspec: unknown dialect %d", uint8(d))
}

// Misfit is a function that an API would refuse, and the whole request with it.
type Misfit struct {
	// Name is the function's name.
	Name string
	// Reason says what the API would refuse. It may quote the server.
	Reason string
}

// Encode returns the functions as a JSON array, sorted by name, for the list of tools in a request,
// and the functions that had to be left out. Equal functions give equal bytes.
//
// The schema of a function is changed as little as the API demands, and never so that it refuses
// an object that the server's schema accepts. Alternatives at the root become a list of the
// properties of all of them, and the description says what is required. The schema is not fit for
// the strict modes of OpenAI and Anthropic, which would require every property.
//
// Encode does not count: see Check. The error is about the dialect only.
func (d Dialect) Encode(functions []Function) (json.RawMessage, []Misfit, error) {
	r, err := d.rules()
	if err != nil {
		return nil, nil, err
	}
	list, misfits := []any{}, []Misfit(nil)
	previous := ""
	for _, f := range byName(functions) {
		declared, err := d.declare(r, f)
		if err == nil && f.Name == previous {
			err = errors.New("another function has the same name")
		}
		if err != nil {
			misfits = append(misfits, Misfit{f.Name, err.Error()})
			continue
		}
		list, previous = append(list, declared), f.Name
	}
	return encode(list), misfits, nil
}

func byName(functions []Function) []*Function {
	sorted := make([]*Function, len(functions))
	for i := range functions {
		sorted[i] = &functions[i]
	}
	slices.SortStableFunc(sorted, func(a, b *Function) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Server, b.Server), strings.Compare(a.Tool, b.Tool))
	})
	return sorted
}

// declare returns the declaration of one function.
func (d Dialect) declare(r *rules, f *Function) (any, error) {
	if !r.name.MatchString(f.Name) {
		return nil, fmt.Errorf("the function's name must match %s", r.name)
	}
	fixed, err := repair(f.Parameters)
	if err != nil {
		return nil, err
	}
	properties, _ := fixed.schema["properties"].(map[string]any)
	for _, name := range sortedKeys(properties) {
		if r.property != nil && !r.property.MatchString(name) {
			return nil, fmt.Errorf("the name of the property %q must match %s", name, r.property)
		}
	}
	if r.inline {
		fixed.schema = inline(fixed.schema)
	}
	description := cmp.Or(f.Description, f.Title, f.Tool)
	if len(fixed.notes) > 0 {
		description = strings.TrimSpace(description) + "\n\n" + strings.Join(fixed.notes, " ")
	}
	return d.shape(f.Name, description, fixed.schema), nil
}

// shape returns the JSON object of a function.
func (d Dialect) shape(name, description string, schema map[string]any) any {
	about := map[string]any{"name": name}
	if description != "" { // Bedrock refuses an empty one
		about["description"] = description
	}
	switch d {
	case OpenAIChat:
		about["parameters"] = schema
		return map[string]any{"type": "function", "function": about}
	case OpenAIResponses:
		about["type"], about["parameters"] = "function", schema
		about["strict"] = false // the default is strict and would make every property required
		return about
	case Gemini:
		about["parametersJsonSchema"] = schema
		return about
	case Bedrock:
		about["inputSchema"] = map[string]any{"json": schema}
		return map[string]any{"toolSpec": about}
	default:
		about["input_schema"] = schema
		return about
	}
}

// Check returns an error if the API limits the number of functions or the size of a request, and
// the functions exceed the limit. Leave functions out then, by your own choice: Encode would not
// know which.
func (d Dialect) Check(functions []Function) error {
	r, err := d.rules()
	if err != nil {
		return err
	}
	if r.count > 0 && len(functions) > r.count {
		return fmt.Errorf("toolspec: %s accepts %d functions in a request, got %d: leave %d out",
			r.label, r.count, len(functions), len(functions)-r.count)
	}
	size := 0
	for i := range functions {
		f := &functions[i]
		size += len(f.Name) + len(f.Description) + len(f.Parameters)
	}
	if r.bytes > 0 && size > r.bytes {
		return fmt.Errorf("toolspec: %s accepts requests of %d bytes, and the functions have %d", r.label, r.bytes, size)
	}
	return nil
}
