package toolspec

import "maps"

// maxInlined bounds what inlining adds to a schema, in bytes, because references may lead to
// references.
const maxInlined = 256 << 10

// inliner replaces references with what they lead to. Gemini allows only a description beside a
// reference, and some of its models refuse references; see docs/models.md.
type inliner struct {
	n     *normalizer
	open  map[string]bool // the references that are being replaced
	sizes map[string]int  // the length of what references lead to, in bytes
	added int             // the length of all that was added, in bytes
	left  bool            // a reference was left: it is recursive, or too much was added
}

// inline returns a copy of a schema without references to "$defs", as far as that is possible.
func inline(schema map[string]any) map[string]any {
	i := inliner{n: &normalizer{root: schema}, open: make(map[string]bool), sizes: make(map[string]int)}
	body := maps.Clone(schema)
	delete(body, "$defs")
	delete(body, "definitions")
	out := i.schema(body).(map[string]any)
	if i.left {
		for _, name := range []string{"$defs", "definitions"} {
			if defs, has := schema[name]; has {
				out[name] = i.value(defs, isSchemaMap)
			}
		}
	}
	return out
}

func (i *inliner) schema(value any) any {
	m, ok := value.(map[string]any)
	if !ok {
		return value
	}
	out := make(map[string]any, len(m))
	for name, member := range m {
		out[name] = i.value(member, keywords[name].kind)
	}
	ref, isRef := m["$ref"].(string)
	if !isRef {
		return out
	}
	target, ok := i.n.resolve(ref)
	if !ok || i.open[ref] || !i.fits(ref, target) {
		i.left = true
		return beside(out, map[string]any{"$ref": ref})
	}
	i.open[ref] = true
	inlined := i.schema(target)
	delete(i.open, ref)
	return beside(out, orEmpty(inlined))
}

// fits reports whether what ref leads to may be added, and counts it.
func (i *inliner) fits(ref string, target any) bool {
	if _, known := i.sizes[ref]; !known {
		i.sizes[ref] = len(encode(target))
	}
	if i.added+i.sizes[ref] > maxInlined {
		return false
	}
	i.added += i.sizes[ref]
	return true
}

// value returns a copy of the value of a keyword.
func (i *inliner) value(value any, k kind) any {
	switch v := value.(type) {
	case map[string]any:
		if k == isSchema {
			return i.schema(v)
		}
		if k == isSchemaMap {
			out := make(map[string]any, len(v))
			for name, member := range v {
				out[name] = i.schema(member)
			}
			return out
		}
	case []any:
		if k == isSchemas {
			out := make([]any, len(v))
			for at, member := range v {
				out[at] = i.schema(member)
			}
			return out
		}
	}
	return value
}

// beside returns a schema of what a reference leads to, and of the members beside the reference.
func beside(members map[string]any, target any) map[string]any {
	delete(members, "$ref")
	m, ok := target.(map[string]any)
	for name := range members {
		ok = ok && annotations[name] && name != "$defs" && name != "definitions"
	}
	if ok && m["$ref"] == nil {
		m = maps.Clone(m)
		maps.Copy(m, members)
		return m
	}
	if len(members) == 0 && ok {
		return m
	}
	all, _ := members["allOf"].([]any)
	members["allOf"] = append(all[:len(all):len(all)], target)
	return members
}
