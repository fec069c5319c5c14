package toolspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// repaired is an input schema that an API accepts.
type repaired struct {
	schema map[string]any
	notes  []string // for the description: what the schema no longer says
}

// maxSchema bounds an input schema, in bytes.
const maxSchema = 1 << 20

// rootOnly are the keywords that are removed from the root of a schema. OpenAI and Anthropic refuse
// some of them there, and the others belong to a whole document. Removing them makes the schema
// accept more.
var rootOnly = []string{
	"$ref", "anyOf", "oneOf", "allOf", "enum", "const", "not", "if", "then", "else",
}

// repair returns a schema that accepts each object that the input schema accepts. Its root has type
// object and none of the keywords rootOnly. Properties of the removed parts move to the root; the
// properties that all parts require stay required.
func repair(raw json.RawMessage) (*repaired, error) {
	if len(raw) > maxSchema {
		return nil, fmt.Errorf("the input schema has %d bytes, more than %d", len(raw), maxSchema)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil || root == nil {
		return nil, errors.New("the input schema is not a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("the input schema is followed by other text")
	}
	n, err := normalize(root)
	if err != nil {
		return nil, err
	}
	f := folder{n: n}
	whole := f.outline(root)
	if whole.never {
		return nil, errors.New("the input schema accepts no object")
	}
	changed := root["type"] != "object"
	for _, name := range rootOnly {
		_, has := root[name]
		changed = changed || has
	}
	out := maps.Clone(root)
	if changed {
		n.keepOriginal(out)
	}
	for _, name := range rootOnly {
		delete(out, name)
	}
	out["type"] = "object"
	whole.write(out, changed)
	return &repaired{out, f.notes}, nil
}

// keepOriginal gives references that lead to the root, or to a part of it that is about to change,
// a copy of the original to lead to.
func (n *normalizer) keepOriginal(out map[string]any) {
	var moved []map[string]any
	for _, m := range n.refs {
		ref := m["$ref"].(string)
		if !strings.HasPrefix(ref, "#/$defs/") && !strings.HasPrefix(ref, "#/definitions/") {
			moved = append(moved, m)
		}
	}
	if len(moved) == 0 {
		return
	}
	defs, _ := n.root["$defs"].(map[string]any)
	defs = maps.Clone(defs)
	if defs == nil {
		defs = make(map[string]any)
	}
	name := "root"
	for defs[name] != nil {
		name += "_"
	}
	for _, m := range moved {
		m["$ref"] = "#/$defs/" + name + strings.TrimPrefix(m["$ref"].(string), "#")
	}
	original := maps.Clone(n.root)
	delete(original, "$defs")
	delete(original, "definitions")
	defs[name] = original
	out["$defs"] = defs
}

// outline is what a schema says of objects. It accepts at least what the schema accepts.
type outline struct {
	never    bool             // the schema accepts no object
	closed   bool             // there are no other properties than props
	props    map[string]any   // the schema of each property that always has one
	hints    map[string][]any // the schemas of other properties, which some objects need not match
	required []string
	needs    map[string]bool // the names in required
}

func newOutline() outline {
	return outline{props: make(map[string]any), hints: make(map[string][]any), needs: make(map[string]bool)}
}

func (o *outline) require(name string) {
	if !o.needs[name] {
		o.required, o.needs[name] = append(o.required, name), true
	}
}

func (o *outline) knows(name string) bool {
	_, has := o.props[name]
	_, hinted := o.hints[name]
	return has || hinted
}

// maxUnited bounds the schemas and properties that are united for one root: references can lead to
// the same ones many times. What comes later counts as open.
const maxUnited = 2_000

type folder struct {
	n     *normalizer
	count int
	notes []string
}

// outline returns the outline of a schema.
func (f *folder) outline(value any) outline {
	o := newOutline()
	m, _ := value.(map[string]any)
	if value == false || m != nil && !mayBe(m, "object") {
		o.never = true
		return o
	}
	props, _ := m["properties"].(map[string]any)
	required := names(m["required"])
	if f.count > 0 { // the root's own properties stay, however many there are
		f.count += len(props) + len(required)
	}
	f.count++
	if m == nil || f.count > maxUnited {
		return o
	}
	maps.Copy(o.props, props)
	_, patterns := m["patternProperties"]
	o.closed = m["additionalProperties"] == false && !patterns
	for _, name := range required {
		o.require(name.(string))
	}
	for _, part := range f.parts(m) {
		o.and(part)
	}
	return o
}

// parts returns the outlines of the schemas that apply together with m.
func (f *folder) parts(m map[string]any) []outline {
	var parts []outline
	if target, ok := f.n.resolve(m["$ref"]); ok {
		parts = append(parts, f.outline(target))
	}
	all, _ := m["allOf"].([]any)
	for _, part := range all {
		parts = append(parts, f.outline(part))
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		if some, ok := m[name].([]any); ok {
			parts = append(parts, f.oneOf(some, true))
		}
	}
	if _, conditional := m["if"]; conditional {
		parts = append(parts, f.oneOf([]any{orEmpty(m["then"]), orEmpty(m["else"])}, false))
	}
	return parts
}

// and adds what part says to o.
func (o *outline) and(part outline) {
	o.never = o.never || part.never
	for name, schema := range part.props {
		if _, has := o.props[name]; !has && !o.closed {
			o.props[name] = schema
			delete(o.hints, name)
		}
	}
	for name, schemas := range part.hints {
		if _, has := o.props[name]; !has && !o.closed {
			o.hints[name] = append(o.hints[name], schemas...)
		}
	}
	for _, name := range part.required {
		o.require(name)
	}
}

// oneOf returns the outline of a choice between schemas.
func (f *folder) oneOf(schemas []any, explain bool) outline {
	var choices []outline
	for _, schema := range schemas {
		if o := f.outline(schema); !o.never {
			choices = append(choices, o)
		}
		if f.count > maxUnited { // any of the others may allow anything
			choices = append(choices, newOutline())
			break
		}
	}
	o := newOutline()
	o.never, o.closed = len(choices) == 0, true
	for i := range choices {
		o.closed = o.closed && choices[i].closed
		for _, name := range slices.Concat(sortedKeys(choices[i].props), sortedKeys(choices[i].hints), choices[i].required) {
			if !o.knows(name) {
				o.choose(name, choices)
			}
		}
	}
	for _, name := range first(choices).required {
		if !slices.ContainsFunc(choices, func(c outline) bool { return !c.needs[name] }) {
			o.require(name)
		}
	}
	if explain {
		f.explain(choices, &o)
	}
	return o
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func first(choices []outline) outline {
	if len(choices) == 0 {
		return outline{}
	}
	return choices[0]
}

// choose adds the property to o. It has a schema only if each choice that allows the property has
// one for it; otherwise, the schemas are hints.
func (o *outline) choose(name string, choices []outline) {
	var all []any
	free := false
	for i := range choices {
		c := &choices[i]
		switch schema, has := c.props[name]; {
		case has:
			all = append(all, schema)
		case c.knows(name):
			free = true
			all = append(all, c.hints[name]...)
		case !c.closed:
			free = true
		}
	}
	schemas := distinct(all)
	switch {
	case free || len(schemas) == 0:
		o.hints[name] = schemas
	case len(schemas) == 1:
		o.props[name] = schemas[0]
	default:
		o.props[name] = map[string]any{"anyOf": schemas}
	}
}

// distinct returns the schemas without those that say the same as an earlier one.
func distinct(schemas []any) []any {
	var out []any
	known, texts := make(map[uintptr]bool), make(map[string]bool)
	for _, schema := range schemas {
		if m, ok := schema.(map[string]any); ok {
			at := reflect.ValueOf(m).Pointer()
			if known[at] {
				continue
			}
			known[at] = true
		}
		if text := string(encode(schema)); !texts[text] {
			texts[text], out = true, append(out, schema)
		}
	}
	return out
}

// explain notes which properties the choices require besides those that all of them require.
func (f *folder) explain(choices []outline, common *outline) {
	var groups []string
	for i := range choices {
		var group []string
		for _, name := range choices[i].required {
			if !common.needs[name] {
				group = append(group, name)
			}
		}
		slices.Sort(group)
		text := strings.Join(group, ", ")
		if text == "" {
			return // nothing is needed in this case
		}
		if !slices.Contains(groups, text) {
			groups = append(groups, text)
		}
	}
	if len(groups) > 0 {
		f.notes = append(f.notes, redact.Shorten("Give the arguments of one of: "+strings.Join(groups, "; ")+".", maxNote))
	}
}

// write writes the outline into the root of a schema.
func (o *outline) write(out map[string]any, folded bool) {
	if folded {
		delete(out, "unevaluatedProperties") // it would refuse what the removed parts allow
	}
	for name, schemas := range o.hints {
		o.props[name] = hint(schemas)
	}
	for _, name := range o.required {
		if _, has := o.props[name]; !has {
			o.props[name] = map[string]any{} // Gemini refuses a required property that it does not know
		}
	}
	out["properties"] = o.props // OpenAI demands it, even if it is empty
	delete(out, "required")
	if len(o.required) > 0 {
		out["required"] = o.required
	}
}

// The bounds of what is added to descriptions, in bytes.
const (
	maxHint = 1 << 10 // the schemas of one property
	maxNote = 1 << 10 // the properties that belong together
)

// hint returns a schema that accepts everything and describes what a property should be.
func hint(schemas []any) map[string]any {
	description, texts, size := "", []string{}, 0
	for _, schema := range schemas {
		m, _ := schema.(map[string]any)
		if text, ok := m["description"].(string); ok && description == "" {
			description = text
		}
		m = maps.Clone(m)
		delete(m, "description")
		if text := encode(m); len(m) > 0 && size+len(text) <= maxHint {
			texts, size = append(texts, string(text)), size+len(text)
		}
	}
	if len(texts) > 0 {
		description = strings.TrimSpace(fmt.Sprintf("%s Schema: %s", description, strings.Join(texts, " or ")))
	}
	if description == "" {
		return map[string]any{}
	}
	return map[string]any{"description": description}
}

// encode returns the JSON text of a value. The members of its objects are in order.
func encode(value any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil // only for values that JSON does not have
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
