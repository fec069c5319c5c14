package group

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// offer is what a server offers to a model. It is immutable and replaced as a whole.
type offer struct {
	functions    []toolspec.Function // sorted by name
	byName       map[string]callable
	held         []string // names of the functions that the pins hold back, sorted
	instructions string
}

// callable is a function that is offered, with the rule for its calls.
type callable struct {
	*toolspec.Function // nil for a function that is not offered
	rule               mcpconfig.Rule
}

// Functions returns what a model may call, sorted by name, and a number that changes when the list
// does. The functions of a server that is down stay in the list, so that the prompt caches of model
// providers remain valid. Until the list of a server has been read, its functions are those of
// [Options].Pins. Functions share their schemas: treat these as read-only.
func (g *Group) Functions() ([]toolspec.Function, uint64) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var functions []toolspec.Function
	for _, m := range g.members {
		if m.state.Status != 0 {
			functions = append(functions, m.offer.functions...)
		}
	}
	slices.SortFunc(functions, func(a, b toolspec.Function) int { return strings.Compare(a.Name, b.Name) })
	return functions, g.generation
}

// Instructions returns the servers' instructions for a model's prompt, by the name of the server.
// Servers without instructions are left out; a server that is down keeps its instructions. They come
// from the servers: decide how far your model should follow them.
func (g *Group) Instructions() map[string]string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	texts := make(map[string]string)
	for _, m := range g.members {
		if text := m.offer.instructions; text != "" {
			texts[m.cfg.Name] = text
		}
	}
	return texts
}

// functionsOf returns the functions of those tools that the configuration allows.
func functionsOf(s *mcpconfig.Server, tools []mcpclient.Tool) []toolspec.Function {
	allowed := make([]mcpclient.Tool, 0, len(tools))
	for i := range tools {
		if s.Allows(tools[i].Name) {
			allowed = append(allowed, tools[i])
		}
	}
	return toolspec.Functions(s.Name, allowed)
}

// offerPinned offers the functions that the pins know.
func (m *member) offerPinned() {
	m.listed = slices.DeleteFunc(slices.Clone(m.g.opts.Pins.functions(m.cfg.Name)),
		func(f toolspec.Function) bool { return !m.cfg.Allows(f.Tool) })
	m.publish("")
}

// publish offers those of the listed functions that the pins accept, and reports what changes.
func (m *member) publish(instructions string) {
	g := m.g
	accepted, held := m.listed, []string(nil)
	if m.known {
		accepted, held = g.opts.Pins.check(m.cfg.Name, m.listed)
	}
	next := newOffer(g.opts.Prefix, &m.cfg, accepted, held)
	next.instructions = instructions
	e := m.offer.compare(next)
	differ := len(e.Added)+len(e.Removed)+len(e.Changed) > 0
	if g.observed() && (differ || !slices.Equal(m.offer.held, next.held)) {
		e.Server, e.Held = m.cfg.Name, next.held
		g.tell(g.ctx, e)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	m.offer = next
	m.state.Functions = len(next.functions)
	if differ {
		g.generation++
	}
}

// newOffer puts the prefix before the names.
func newOffer(prefix string, cfg *mcpconfig.Server, functions []toolspec.Function, held []string) *offer {
	o := &offer{functions: slices.Clone(functions), byName: make(map[string]callable, len(functions)), held: slices.Clone(held)}
	for i := range o.functions {
		f := &o.functions[i]
		f.Name = prefix + f.Name
		o.byName[f.Name] = callable{f, cfg.Rule(f.Tool)}
	}
	for i := range o.held {
		o.held[i] = prefix + o.held[i]
	}
	slices.Sort(o.held)
	return o
}

// compare returns what changes if the next offer replaces this one.
func (o *offer) compare(next *offer) (e FunctionsChanged) {
	for _, name := range slices.Sorted(maps.Keys(next.byName)) {
		if old, known := o.byName[name]; !known {
			e.Added = append(e.Added, name)
		} else if old.Fingerprint != next.byName[name].Fingerprint {
			e.Changed = append(e.Changed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.byName)) {
		if _, stays := next.byName[name]; !stays {
			e.Removed = append(e.Removed, name)
		}
	}
	return e
}

// maxPrefix leaves room for the rest of a name.
const maxPrefix = 16

// checkPrefix returns an error if names with the prefix are not names for a model.
func checkPrefix(prefix string) error {
	if len(prefix) > maxPrefix {
		return fmt.Errorf("Prefix %q: expected at most %d bytes, got %d", prefix, maxPrefix, len(prefix))
	}
	for i, r := range prefix {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '_' && r != '-' && (r < '0' || r > '9')) {
			return fmt.Errorf("Prefix %q: expected a letter, and then letters, digits, _ and -", prefix)
		}
	}
	return nil
}
