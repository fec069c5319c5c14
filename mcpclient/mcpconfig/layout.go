package mcpconfig

import (
	"fmt"
	"maps"
	"slices"
)

// roots are the keys under which products list servers. The value is true if no product uses the
// key for something else.
var roots = map[string]bool{
	"mcpServers": true, "servers": false, "context_servers": true, "mcp_servers": true, "mcp": false, "extensions": false,
}

// layout is where a file has its entries.
type layout struct {
	entries []listed
	// inputs are those of VS Code.
	inputs []value
	// only and never are the servers that mcp.allowed and mcp.excluded of Gemini CLI name. A nil
	// only means all.
	only, never []string
}

// listed is an entry of a file.
type listed struct {
	member

	seconds bool // its timeout is in seconds, as in Zed and goose, and not in milliseconds
}

func (l *layout) add(entries []member, seconds bool) {
	for _, m := range entries {
		l.entries = append(l.entries, listed{m, seconds})
	}
}

// findLayout finds the entries of a file. Files of settings have many keys of their own, which it
// does not report.
func (f *file) findLayout() (layout, error) {
	l := layout{}
	found := false
	for _, m := range f.root.members {
		strict, known := roots[m.key]
		if !known || m.key == "extensions" {
			continue
		}
		inner, ok := m.value.data.(*object)
		switch {
		case m.value.data == nil:
			found = true
		case !ok && strict:
			return l, &FileError{File: f.name, Line: m.value.line, Err: fmt.Errorf("%s: expected an object, got %s", m.key, m.value.kind())}
		case !ok:
		case m.key == "mcp":
			l.readMCP(f, inner)
			found = true
		default:
			l.add(inner.members, m.key == "context_servers")
			found = true
		}
	}
	if !found {
		found = l.readExtensions(f.root) || l.readBare(f.root)
	}
	f.checkRoot(found)
	if inputs, ok := f.root.get("inputs"); ok {
		l.inputs = append(l.inputs, inputs)
	}
	return l, nil
}

// readMCP reads the key mcp. Version 1 of opencode has the entries in it. Version 2 and the settings
// of VS Code have them under servers. Those of Gemini CLI have lists of names.
func (l *layout) readMCP(f *file, mcp *object) {
	o := &fields{f: f, prefix: "mcp.", object: mcp, failed: new(bool), off: true}
	servers, ok := mcp.get("servers")
	if inner, isObject := servers.data.(*object); ok && isObject && !looksLikeEntry(inner) {
		l.add(inner.members, false)
		if inputs, ok := mcp.get("inputs"); ok {
			l.inputs = append(l.inputs, inputs)
		}
		return
	}
	for _, m := range mcp.members {
		if _, isObject := m.value.data.(*object); isObject {
			l.add([]member{m}, false)
		}
	}
	if v, _ := mcp.get("allowed"); v.kind() != "an object" {
		l.only, _, _ = o.texts("allowed", loses)
	}
	if v, _ := mcp.get("excluded"); v.kind() != "an object" {
		l.never, _, _ = o.texts("excluded", loses)
	}
}

// readExtensions reads the key extensions of goose, where each entry has a type.
func (l *layout) readExtensions(root *object) bool {
	v, _ := root.get("extensions")
	inner, ok := v.data.(*object)
	if !ok || !slices.ContainsFunc(inner.members, hasType) {
		return false
	}
	l.add(inner.members, true)
	return true
}

func hasType(m member) bool {
	o, ok := m.value.data.(*object)
	if !ok {
		return false
	}
	v, _ := o.get("type")
	_, ok = v.data.(string)
	return ok
}

// readBare reads a file that has entries and no key around them.
func (l *layout) readBare(root *object) bool {
	isEntry := func(m member) bool {
		o, ok := m.value.data.(*object)
		return ok && looksLikeEntry(o)
	}
	if !slices.ContainsFunc(root.members, isEntry) {
		return false
	}
	for _, m := range root.members {
		if m.key != "hawser" && m.key != "inputs" && m.key != "$schema" {
			l.add([]member{m}, false)
		}
	}
	return true
}

// looksLikeEntry reports whether an object has an address or a command.
func looksLikeEntry(o *object) bool {
	for _, key := range []string{"url", "command", "httpUrl", "serverUrl", "uri", "cmd"} {
		v, _ := o.get(key)
		switch v.data.(type) {
		case string, []value:
			return true
		}
	}
	return false
}

// checkRoot reports keys of the file that are misspelled or occur twice, and a file without
// servers.
func (f *file) checkRoot(found bool) {
	known := append(slices.Sorted(maps.Keys(roots)), "hawser", "inputs")
	lines := map[string]int{}
	meant := ""
	for _, m := range f.root.members {
		first, twice := lines[m.key]
		switch {
		case !slices.Contains(known, m.key):
			if inner, isObject := m.value.data.(*object); isObject && !looksLikeEntry(inner) {
				if meant = nearest(m.key, known); meant != "" {
					f.report(Problem{Line: m.value.line, Key: m.key, Reason: "unknown key, ignored: did you mean " + meant + "?"})
				}
			}
		case twice:
			f.report(Problem{Line: m.value.line, Key: m.key, Reason: fmt.Sprintf("the key is in this file twice, first in line %d: remove one of them", first)})
		default:
			lines[m.key] = m.value.line
		}
	}
	if !found && meant == "" && len(f.root.members) > 0 {
		f.report(Problem{Reason: "no MCP servers: expected one of the keys mcpServers, servers, context_servers, mcp_servers, mcp, extensions"})
	}
}

// isOff reports whether the lists of names in a file turn a server off.
func (l *layout) isOff(name string) bool {
	return l.only != nil && !slices.Contains(l.only, name) || slices.Contains(l.never, name)
}
