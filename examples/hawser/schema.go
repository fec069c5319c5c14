package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// maxReferences is the maximum number of references and branches followed for one argument.
const maxReferences = 16

// inputSchema contains the parts of a tool's input schema that are used to parse and show
// arguments. Validation uses the whole schema.
type inputSchema struct {
	properties []property // in the server's order
	open       bool       // other arguments are allowed
}

// property is one argument of a tool.
type property struct {
	name        string
	types       []string // JSON Schema types, empty if unknown
	items       []string // types of the items of an array
	choices     []string // values of an enum
	description string
	required    bool
}

// node contains the keywords of a schema that hawser reads.
type node struct {
	Type                 json.RawMessage            `json:"type"`
	Items                json.RawMessage            `json:"items"`
	Properties           json.RawMessage            `json:"properties"`
	Required             []string                   `json:"required"`
	AdditionalProperties json.RawMessage            `json:"additionalProperties"`
	PatternProperties    map[string]json.RawMessage `json:"patternProperties"`
	Description          string                     `json:"description"`
	Title                string                     `json:"title"`
	Enum                 []json.RawMessage          `json:"enum"`
	Const                json.RawMessage            `json:"const"`
	AnyOf                []json.RawMessage          `json:"anyOf"`
	OneOf                []json.RawMessage          `json:"oneOf"`
	Ref                  string                     `json:"$ref"`
}

// readNode parses a schema. It ignores errors, because a schema may be a boolean or invalid.
func readNode(raw json.RawMessage) (n node) {
	_ = json.Unmarshal(raw, &n) // members with an unexpected type stay empty
	return n
}

func readSchema(raw json.RawMessage) inputSchema {
	root := readNode(raw)
	s := inputSchema{open: len(root.PatternProperties) > 0}
	if extra := bytes.TrimSpace(root.AdditionalProperties); len(extra) > 0 && string(extra) != "false" {
		s.open = true
	}
	for _, member := range members(root.Properties) {
		n := readNode(member.value)
		p := property{name: member.name, description: n.Description, required: slices.Contains(root.Required, member.name)}
		if p.description == "" {
			p.description = n.Title
		}
		left := maxReferences
		p.types = typesOf(raw, n, &left)
		if items := readNode(n.Items); len(n.Items) > 0 {
			p.items = typesOf(raw, items, &left)
		}
		for _, choice := range n.Enum {
			p.choices = append(p.choices, literal(choice))
		}
		s.properties = append(s.properties, p)
	}
	s.open = s.open || len(s.properties) == 0
	return s
}

// literal returns a JSON value as the user would type it.
func literal(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// typesOf returns the types that a schema allows, or nil if they are unknown. It decrements
// references for each reference and branch, and stops at 0.
func typesOf(root json.RawMessage, n node, references *int) []string {
	var types []string
	add := func(more ...string) {
		for _, name := range more {
			if name != "" && !slices.Contains(types, name) {
				types = append(types, name)
			}
		}
	}
	if len(n.Type) > 0 {
		var one string
		var several []string
		if json.Unmarshal(n.Type, &one) == nil {
			add(one)
		} else if json.Unmarshal(n.Type, &several) == nil {
			add(several...)
		}
		return types
	}
	for _, value := range append(n.Enum[:len(n.Enum):len(n.Enum)], n.Const) {
		add(typeOfValue(value))
	}
	for _, branch := range append(n.AnyOf[:len(n.AnyOf):len(n.AnyOf)], n.OneOf...) {
		if *references--; *references < 0 {
			return nil
		}
		add(typesOf(root, readNode(branch), references)...)
	}
	if path, local := strings.CutPrefix(n.Ref, "#/"); local && *references > 0 {
		*references--
		add(typesOf(root, readNode(lookup(root, path)), references)...)
	}
	return types
}

// lookup returns the value in raw at path, a JSON Pointer (RFC 6901) without its first slash.
func lookup(raw json.RawMessage, path string) json.RawMessage {
	for name := range strings.SplitSeq(path, "/") {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return nil
		}
		raw = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return raw
}

// typeOfValue returns the JSON Schema type of a value.
func typeOfValue(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return ""
	}
	switch c := raw[0]; c {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	if _, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return "integer"
	}
	return "number"
}

type member struct {
	name  string
	value json.RawMessage
}

// members returns the members of an object in their order. It returns nil if raw is not an object.
func members(raw json.RawMessage) []member {
	d := json.NewDecoder(bytes.NewReader(raw))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil
	}
	var all []member
	for d.More() {
		var m member
		name, err := d.Token()
		if err != nil || d.Decode(&m.value) != nil {
			return all
		}
		m.name, _ = name.(string)
		all = append(all, m)
	}
	return all
}

func (s *inputSchema) find(name string) *property {
	for i := range s.properties {
		if s.properties[i].name == name {
			return &s.properties[i]
		}
	}
	return nil
}

func (s *inputSchema) names() []string {
	names := make([]string, len(s.properties))
	for i := range s.properties {
		names[i] = s.properties[i].name
	}
	return names
}

// takes reports whether a property accepts the named type.
func (p *property) takes(name string) bool {
	return slices.Contains(p.types, name) || name == "integer" && slices.Contains(p.types, "number")
}

// kind describes the values that a property accepts.
func (p *property) kind() string {
	text := strings.Join(p.types, " or ")
	if len(p.types) == 1 && p.types[0] == "array" && len(p.items) > 0 {
		text = "array of " + strings.Join(p.items, " or ")
	}
	if text == "" {
		text = "any"
	}
	const most = 8
	if n := len(p.choices); n > 0 && n <= most {
		text = strings.Join(p.choices, "|")
	}
	return oneLine(text, 120)
}

// summary lists the arguments for a hint.
func (s *inputSchema) summary() string {
	if len(s.properties) == 0 {
		return "its schema names no arguments"
	}
	var parts []string
	for i := range s.properties {
		p := &s.properties[i]
		text := oneLine(p.name, 60) + " (" + p.kind()
		if p.required {
			text += ", required"
		}
		parts = append(parts, text+")")
	}
	return oneLine("it takes "+strings.Join(parts, ", "), 400)
}
