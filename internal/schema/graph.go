package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// documentURL is the base URL of references within a document.
const documentURL = "mcp-schema://document/"

// mismatchURL is the URL of a schema that matches exactly the values that do not match the
// document.
const mismatchURL = "mcp-schema://mismatch/"

var (
	errLoop      = errors.New("a reference applies to its own place again: validation would never end")
	errChain     = fmt.Errorf("composition chain of more than %d steps at one place", MaxChain)
	errExpansion = fmt.Errorf("composition applies more than %d sub-schemas to one place", MaxExpansion)
)

// noLoader refuses every reference to something outside the document.
type noLoader struct{}

// Load implements jsonschema.URLLoader.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%q is outside the document: external schemas are not loaded", redact.Line(url, maxPath))
}

// linked is a document compiled by the library.
type linked struct {
	schema *jsonschema.Schema
	// mismatch is a "not" with the schema: inside it, the library only finds out whether the value
	// matches, not why.
	mismatch *jsonschema.Schema
	dynamic  []*jsonschema.Schema // schemas with a dynamic anchor, which may not be reachable through other schemas
}

// link compiles a document. The document is not changed.
func link(document any) (l *linked, err error) {
	defer func() {
		if r := recover(); r != nil {
			l, err = nil, errors.New("the schema makes the validation library fail")
		}
	}()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(new(patterns).compile)
	if err := c.AddResource(documentURL, document); err != nil {
		return nil, err
	}
	root, err := c.Compile(documentURL)
	if err != nil {
		return nil, compileText(err)
	}
	l = &linked{schema: root}
	if err := c.AddResource(mismatchURL, map[string]any{"not": map[string]any{"$ref": documentURL}}); err != nil {
		return nil, err
	}
	if l.mismatch, err = c.Compile(mismatchURL); err != nil {
		return nil, compileText(err)
	}
	for _, pointer := range dynamicAnchors(nil, document, "") {
		// An object inside an enum or a similar keyword may not compile as a schema. Such an object
		// cannot be a target.
		if s, err := c.Compile(documentURL + "#" + pointer); err == nil {
			l.dynamic = append(l.dynamic, s)
		}
	}
	return l, nil
}

// compileText returns the error without the location of the document. If a document violates its
// dialect, the text says where and how.
func compileText(err error) error {
	var invalid *jsonschema.SchemaValidationError
	var failure *jsonschema.ValidationError
	if errors.As(err, &invalid) && errors.As(invalid.Err, &failure) {
		return fmt.Errorf("not a valid schema of its dialect: %w", problemsOf(failure))
	}
	return errors.New(strings.ReplaceAll(err.Error(), documentURL, ""))
}

// dynamicAnchors appends the pointers, as URL fragments, to all objects with a $dynamicAnchor.
func dynamicAnchors(found []string, value any, pointer string) []string {
	switch v := value.(type) {
	case map[string]any:
		if _, ok := v["$dynamicAnchor"].(string); ok {
			found = append(found, pointer)
		}
		for _, key := range sortedKeys(v) {
			found = dynamicAnchors(found, v[key], pointer+"/"+fragmentEscaper.Replace(key))
		}
	case []any:
		for i, item := range v {
			found = dynamicAnchors(found, item, pointer+"/"+strconv.Itoa(i))
		}
	}
	return found
}

var fragmentEscaper = strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "#", "%23")

// graph holds all sub-schemas of a compiled document.
type graph struct {
	order    []*jsonschema.Schema
	seen     map[*jsonschema.Schema]bool
	anchored map[string][]*jsonschema.Schema // by dynamic anchor; "" is for $recursiveAnchor
	sizes    map[*jsonschema.Schema]int      // 0 while the size is being computed
	chains   map[*jsonschema.Schema]int      // the longest chain that begins there
	chain    int                             // the longest chain of all
}

// explore finds all sub-schemas. It checks that they lie in the document, and that their
// composition stays within the bounds.
func explore(l *linked) (*graph, error) {
	g := &graph{
		seen: make(map[*jsonschema.Schema]bool), anchored: make(map[string][]*jsonschema.Schema),
		sizes: make(map[*jsonschema.Schema]int), chains: make(map[*jsonschema.Schema]int),
	}
	g.add(l.schema)
	g.add(l.dynamic...)
	for next := 0; next < len(g.order); { // g.order grows in the loop
		s := g.order[next]
		g.add(inPlace(s)...)
		g.add(below(s)...)
		next++
	}
	for _, s := range g.order {
		if !strings.HasPrefix(s.Location, documentURL) {
			return nil, fmt.Errorf("%q is outside the document: external schemas are not loaded", redact.Line(s.Location, maxPath))
		}
		if s.DynamicAnchor != "" {
			g.anchored[s.DynamicAnchor] = append(g.anchored[s.DynamicAnchor], s)
		}
		if s.RecursiveAnchor {
			g.anchored[""] = append(g.anchored[""], s)
		}
	}
	for _, s := range g.order {
		if _, err := g.size(s); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *graph) add(schemas ...*jsonschema.Schema) {
	for _, s := range schemas {
		if s != nil && !g.seen[s] {
			g.seen[s] = true
			g.order = append(g.order, s)
		}
	}
}

// size returns how many sub-schemas apply to the same location as s. A sub-schema counts once for
// each path of references and composition that leads to it.
func (g *graph) size(s *jsonschema.Schema) (int, error) {
	if size, ok := g.sizes[s]; ok {
		if size == 0 {
			return 0, errLoop
		}
		return size, nil
	}
	g.sizes[s] = 0
	total, chain := 1, 0
	for _, sub := range slices.Concat(inPlace(s), g.dynamicTargets(s)) {
		if sub == nil {
			continue
		}
		size, err := g.size(sub)
		if err != nil {
			return 0, err
		}
		if total += size; total > MaxExpansion {
			return 0, errExpansion
		}
		if chain = max(chain, g.chains[sub]); chain >= MaxChain {
			return 0, errChain
		}
	}
	g.sizes[s], g.chains[s] = total, chain+1
	g.chain = max(g.chain, chain+1)
	return total, nil
}

// dynamicTargets returns the possible targets of a dynamic reference, except its static target.
func (g *graph) dynamicTargets(s *jsonschema.Schema) []*jsonschema.Schema {
	var found []*jsonschema.Schema
	if ref := s.DynamicRef; ref != nil && ref.Anchor != "" && ref.Ref.DynamicAnchor == ref.Anchor {
		found = append(found, g.anchored[ref.Anchor]...)
	}
	if s.RecursiveRef != nil && s.RecursiveRef.RecursiveAnchor {
		found = append(found, g.anchored[""]...)
	}
	return found
}

// inPlace returns the sub-schemas that apply to the same location as s. Some elements are nil.
func inPlace(s *jsonschema.Schema) []*jsonschema.Schema {
	subs := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	subs = append(subs, s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else)
	if s.DynamicRef != nil {
		subs = append(subs, s.DynamicRef.Ref)
	}
	subs = slices.AppendSeq(subs, maps.Values(s.DependentSchemas))
	for _, dependency := range s.Dependencies {
		subs = appendSchema(subs, dependency)
	}
	return subs
}

// below returns the sub-schemas that apply to members and items. Some elements are nil.
func below(s *jsonschema.Schema) []*jsonschema.Schema {
	subs := []*jsonschema.Schema{
		s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema,
	}
	subs = slices.AppendSeq(subs, maps.Values(s.Properties))
	subs = slices.AppendSeq(subs, maps.Values(s.PatternProperties))
	subs = append(subs, s.PrefixItems...)
	for _, keyword := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		subs = appendSchema(subs, keyword)
	}
	return subs
}

// appendSchema appends the schemas of a keyword whose value may have several types.
func appendSchema(subs []*jsonschema.Schema, keyword any) []*jsonschema.Schema {
	switch v := keyword.(type) {
	case *jsonschema.Schema:
		return append(subs, v)
	case []*jsonschema.Schema:
		return append(subs, v...)
	}
	return subs
}

// survey bounds the cost of compiling a document, before the document is compiled.
func survey(document any) error {
	s := surveyor{}
	s.visit(document, 0, 1)
	switch {
	case s.subschemas > MaxSubschemas:
		return fmt.Errorf("more than %d sub-schemas", MaxSubschemas)
	case s.weight > maxWeight:
		return errWeight
	case s.pointers > maxPointers:
		return fmt.Errorf("the locations of its sub-schemas take more than %d bytes", maxPointers)
	}
	return nil
}

type surveyor struct {
	subschemas int
	pointers   int
	weight     int
}

var errWeight = errors.New("the schema has too many values, or they are nested too deeply")

// visit checks a value. length is the length of its JSON Pointer, steps its depth.
func (s *surveyor) visit(value any, length, steps int) {
	if s.weight += steps; s.subschemas > MaxSubschemas || s.pointers > maxPointers || s.weight > maxWeight {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		s.subschemas++
		s.pointers += length
		for key, member := range v {
			s.visit(member, length+1+len(key), steps+1)
		}
	case []any:
		for _, item := range v {
			s.visit(item, length+4, steps+1)
		}
	case bool:
		s.subschemas++
		s.pointers += length
	}
}
