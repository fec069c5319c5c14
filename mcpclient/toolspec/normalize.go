package toolspec

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of a schema.
const maxDepth = 100

var (
	errDepth = fmt.Errorf("the input schema nests deeper than %d levels", maxDepth)
	errScope = errors.New(`the input schema has a reference that does not lead to a part of it, such as "#/$defs/name"`)
)

// normalizer rewrites a schema of any draft to one of JSON Schema 2020-12 that accepts the same
// values. It changes the document in place. A keyword whose value is invalid is removed; a schema
// with such a keyword does not define what it accepts.
type normalizer struct {
	root   map[string]any
	draft  draft
	seen   map[uintptr]bool
	refs   []map[string]any // the schemas with a reference
	scoped bool             // a schema changes the base of references
}

func normalize(root map[string]any) (*normalizer, error) {
	n := &normalizer{root: root, draft: draftOf(root), seen: make(map[uintptr]bool)}
	if err := n.object(root, 0); err != nil {
		return nil, err
	}
	for done := 0; done < len(n.refs); { // visiting a target may add references
		target, ok := n.resolve(n.refs[done]["$ref"])
		done++
		if !ok || n.scoped {
			return nil, errScope
		}
		if m, ok := target.(map[string]any); ok {
			if err := n.object(m, 0); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// schema returns the rewritten schema; ok is false if the value is not a schema.
func (n *normalizer) schema(value any, depth int) (schema any, ok bool, err error) {
	switch v := value.(type) {
	case bool:
		return v, true, nil
	case map[string]any:
		return v, true, n.object(v, depth)
	}
	return nil, false, nil
}

func (n *normalizer) object(m map[string]any, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	if at := reflect.ValueOf(m).Pointer(); n.seen[at] {
		return nil
	} else {
		n.seen[at] = true
	}
	n.modernize(m)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		k, known := keywords[name]
		if !known {
			continue
		}
		value, err := n.value(m[name], k.kind, depth)
		if err != nil {
			return err
		}
		if value == nil && k.kind != 0 {
			delete(m, name)
			continue
		}
		m[name] = value
	}
	if m["$ref"] != nil {
		n.refs = append(n.refs, m)
	}
	if _, has := m["type"]; has && mayBe(m, "array") && m["items"] == nil && m["unevaluatedItems"] == nil {
		m["items"] = map[string]any{} // OpenAI demands it
	}
	return nil
}

// value returns the rewritten value of a keyword, nil if it is invalid.
func (n *normalizer) value(value any, k kind, depth int) (any, error) {
	switch k {
	case isSchema:
		schema, _, err := n.schema(value, depth+1)
		return schema, err
	case isSchemas:
		list, _ := value.([]any)
		out := make([]any, 0, len(list))
		for _, item := range list {
			schema, ok, err := n.schema(item, depth+1)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, orEmpty(schema))
			}
		}
		if len(out) == 0 {
			return nil, nil
		}
		return out, nil
	case isSchemaMap:
		members, ok := value.(map[string]any)
		if !ok {
			return nil, nil
		}
		for name, member := range members {
			schema, _, err := n.schema(member, depth+1)
			if err != nil {
				return nil, err
			}
			members[name] = orEmpty(schema)
		}
		return members, nil
	case isNames:
		if list := names(value); len(list) > 0 {
			return list, nil
		}
		return nil, nil
	case isTypes:
		switch list := types(value); len(list) {
		case 0:
			return nil, nil
		case 1:
			return list[0], nil
		default:
			return list, nil
		}
	case isOtherScope:
		return nil, errScope
	default:
		if !hasKind(value, k) {
			return nil, nil
		}
		return value, nil
	}
}

// orEmpty returns the object form of true, and of a value that is not a schema.
func orEmpty(schema any) any {
	if schema == nil || schema == true {
		return map[string]any{}
	}
	return schema
}

// modernize replaces the keywords of older drafts in one schema, and removes those that the
// document's draft ignores.
func (n *normalizer) modernize(m map[string]any) {
	for name := range m {
		if k, known := keywords[name]; known && k.since > n.draft {
			delete(m, name)
		}
	}
	n.identifiers(m)
	if _, isRef := m["$ref"].(string); isRef && n.draft <= draft7 {
		for name := range m {
			if _, known := keywords[name]; (known || name == "dependencies" || name == "additionalItems") && name != "$ref" && !annotations[name] {
				delete(m, name)
			}
		}
	}
	exclusive(m, "exclusiveMinimum", "minimum")
	exclusive(m, "exclusiveMaximum", "maximum")
	if first, isTuple := m["items"].([]any); isTuple {
		delete(m, "items")
		if len(first) > 0 {
			m["prefixItems"] = first
		}
		if rest, has := m["additionalItems"]; has {
			m["items"] = rest
		}
	}
	delete(m, "additionalItems")
	dependencies(m)
}

// identifiers removes the names of schemas. References by name are refused; see errScope.
func (n *normalizer) identifiers(m map[string]any) {
	name := "$id"
	if n.draft == draft4 {
		name = "id"
	}
	if id, has := m[name].(string); has && reflect.ValueOf(m).Pointer() != reflect.ValueOf(n.root).Pointer() && !strings.HasPrefix(id, "#") {
		n.scoped = true
	}
	if _, recursive := m["$recursiveRef"]; recursive && n.draft == draft2019 {
		m["$dynamicRef"] = "" // refused as such
	}
	for _, name := range []string{name, "$schema", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$recursiveRef", "$vocabulary"} {
		delete(m, name)
	}
}

// exclusive replaces the boolean form that a bound had in draft 4.
func exclusive(m map[string]any, keyword, bound string) {
	if flag, ok := m[keyword].(bool); ok {
		delete(m, keyword)
		if limit, has := m[bound]; has && flag {
			delete(m, bound)
			m[keyword] = limit
		}
	}
}

// dependencies splits the keyword of this name, as 2019-09 did. Validators still know it in later
// drafts.
func dependencies(m map[string]any) {
	all, _ := m["dependencies"].(map[string]any)
	delete(m, "dependencies")
	required, schemas := map[string]any{}, map[string]any{}
	for name, value := range all {
		if list, ok := value.([]any); ok {
			required[name] = names(list)
		} else {
			schemas[name] = value
		}
	}
	if len(required) > 0 {
		m["dependentRequired"] = required
	}
	if len(schemas) > 0 {
		m["dependentSchemas"] = schemas
	}
}

// resolve returns what a reference by JSON Pointer leads to (RFC 6901, section 6).
func (n *normalizer) resolve(ref any) (any, bool) {
	pointer, ok := ref.(string)
	if !ok || pointer == "" || pointer[0] != '#' {
		return nil, false
	}
	pointer, err := url.PathUnescape(pointer[1:])
	if err != nil || pointer != "" && pointer[0] != '/' {
		return nil, false
	}
	var at any = n.root
	for i, token := range strings.Split(pointer, "/") {
		if i == 0 {
			continue
		}
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := at.(type) {
		case map[string]any:
			at, ok = v[token]
		case []any:
			index, err := strconv.Atoi(token)
			ok = err == nil && index >= 0 && index < len(v)
			if ok {
				at = v[index]
			}
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
	}
	switch at.(type) {
	case map[string]any, bool:
		return at, true
	}
	return nil, false
}
