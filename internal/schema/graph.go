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

// documentURL is the base of references within a document.
const documentURL = "mcp-schema://document/"

// mismatchURL is what matches if the document does not.
const mismatchURL = "mcp-schema://mismatch/"

var (
	errLoop      = errors.New("a reference leads to its own place: validation would never end")
	errChain     = fmt.Errorf("composition leads on more than %d times at one place", MaxChain)
	errExpansion = fmt.Errorf("composition applies more than %d sub-schemas to one place", MaxExpansion)
)

// noLoader refuses every reference that leads out of the document.
type noLoader struct{}

// Load implements jsonschema.URLLoader.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%q is outside of the document, and nothing is loaded", redact.Line(url, maxPath))
}

// linked is a document compiled by the library.
type linked struct {
	schema *jsonschema.Schema
	// mismatch is "not" the schema: below it the library only finds out whether, not why.
	mismatch *jsonschema.Schema
	dynamic  []*jsonschema.Schema // those with a dynamic anchor, which no field of the others may lead to
}

// link compiles a document. The document is not changed.
func link(document any) (l *linked, err error) {
	defer func() {
		if r := recover(); r != nil {
			l, err = nil, errors.New("the schema makes the library fail")
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
		// What stands in the data of an enum or the like may not compile, and is no target then.
		if s, err := c.Compile(documentURL + "#" + pointer); err == nil {
			l.dynamic = append(l.dynamic, s)
		}
	}
	return l, nil
}

// compileText leaves the place of the document out of an error, and of a
// document that breaks the rules of its dialect shows what and where.
func compileText(err error) error {
	var invalid *jsonschema.SchemaValidationError
	var failure *jsonschema.ValidationError
	if errors.As(err, &invalid) && errors.As(invalid.Err, &failure) {
		return fmt.Errorf("not a valid schema of its dialect: %w", problemsOf(failure))
	}
	return errors.New(strings.ReplaceAll(err.Error(), documentURL, ""))
}

// dynamicAnchors adds the pointers, as fragments of a URL, to all objects with a $dynamicAnchor.
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

// graph is what a compiled document consists of.
type graph struct {
	order    []*jsonschema.Schema
	seen     map[*jsonschema.Schema]bool
	anchored map[string][]*jsonschema.Schema // by dynamic anchor; "" are those with $recursiveAnchor
	sizes    map[*jsonschema.Schema]int      // 0 while it is computed
	chains   map[*jsonschema.Schema]int      // the longest that begins there
	chain    int                             // the longest of all
}

// explore finds all sub-schemas and checks that they lie in the document and
// what composition makes of them.
func explore(l *linked) (*graph, error) {
	g := &graph{
		seen: make(map[*jsonschema.Schema]bool), anchored: make(map[string][]*jsonschema.Schema),
		sizes: make(map[*jsonschema.Schema]int), chains: make(map[*jsonschema.Schema]int),
	}
	g.add(l.schema)
	g.add(l.dynamic...)
	for next := 0; next < len(g.order); { // which grows
		s := g.order[next]
		g.add(inPlace(s)...)
		g.add(below(s)...)
		next++
	}
	for _, s := range g.order {
		if !strings.HasPrefix(s.Location, documentURL) {
			return nil, fmt.Errorf("%q is outside of the document, and nothing is loaded", redact.Line(s.Location, maxPath))
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

// size is how many sub-schemas apply to the place that s applies to, each
// counted as often as it is come to.
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

// dynamicTargets are what a dynamic reference may lead to besides its static target.
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

// inPlace are the sub-schemas that apply to the same place as s; some are nil.
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

// below are the sub-schemas that apply to members and items; some are nil.
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

// appendSchema appends what a keyword holds that may be of several types.
func appendSchema(subs []*jsonschema.Schema, keyword any) []*jsonschema.Schema {
	switch v := keyword.(type) {
	case *jsonschema.Schema:
		return append(subs, v)
	case []*jsonschema.Schema:
		return append(subs, v...)
	}
	return subs
}
