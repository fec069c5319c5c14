package group

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// Policy says what [Pins] do with a tool that a server adds after its first list.
type Policy uint8

const (
	// Trust accepts the tool.
	Trust Policy = iota
	// Hold holds the tool back until [Pins.Accept].
	Hold
)

var (
	// ErrNotHeld says that Pins hold back no tool with this name.
	ErrNotHeld = errors.New("no such tool is held back")
	// ErrOutdated says that a tool changed again after [Pins.Held] returned it. Show the user its new
	// definition.
	ErrOutdated = errors.New("the tool has changed again")
)

// Pins remember the definitions of tools that were accepted. A tool whose definition changes is held
// back: the group neither lists nor calls it until [Pins.Accept], whatever the server says. This is
// what stops a "rug pull", a harmless tool that turns hostile once it was approved.
//
// The first list of an unknown server is accepted whole, even an empty one. A tool that the server
// adds later is accepted or held back as the [Policy] says. Tools that the server removes stay
// pinned, so a tool cannot change by leaving and coming back.
//
// A definition is what [toolspec.Function].Fingerprint covers, so each difference counts, even in
// members that a Function does not have, such as _meta. Pins know a server by its name in the
// configuration. At the limits of a pins file, which [LimitError] describes, further tools are held
// back.
//
//	pins, err := group.OpenPins("pins.json", group.Hold)
//	...                                  // Options{Pins: pins}; FunctionsChanged.Held is not empty
//	for _, change := range pins.Held() {
//		if approved(change.Old, change.New) { // asks the user
//			err = pins.Accept(change)
//		}
//	}
//	err = pins.Save()                    // also after the first lists
//
// Create Pins with [OpenPins]. Several groups may share Pins, as long as their servers send every
// user the same definitions. All methods are safe for concurrent use.
type Pins struct {
	file     string // absolute path, "" for none
	newTools Policy
	saving   sync.Mutex // held by Save, so that one call at a time reads and writes the file

	mu       sync.Mutex // guards what follows
	accepted book
	held     map[string]*serverPins // what is held back, by server
	unsaved  map[string]map[string]decision
	watchers map[*watcher]bool
}

// decision is a pin that is not yet in the file. A server without decisions was only seen.
type decision struct {
	pin
	byUser bool // from Accept; the others come from lists
}

type watcher struct{ f func(server string) }

// Change is a tool that is held back.
type Change struct {
	// Server is the server's name in the configuration, and Tool the tool's name there.
	Server, Tool string
	// Old is the accepted definition, nil if the tool is new. New is the definition that is held
	// back. If they differ in Fingerprint alone, the change is in a part of the definition that is
	// not kept, such as icons or _meta.
	Old *toolspec.Function
	New toolspec.Function
}

// OpenPins returns the pins in a file. If the file does not exist, there are none, and [Pins.Save]
// creates it. If file is "", the pins are kept in memory only.
//
// If the file is not a valid file of pins, the error wraps [ErrPinsDamaged]. If it is larger than
// allowed, the error wraps a [LimitError]. Such a file is never changed.
func OpenPins(file string, newTools Policy) (*Pins, error) {
	if newTools > Hold {
		return nil, fmt.Errorf("group: open pins: unknown policy %d for new tools", newTools)
	}
	p := &Pins{
		newTools: newTools, held: make(map[string]*serverPins),
		unsaved: make(map[string]map[string]decision), watchers: make(map[*watcher]bool),
	}
	if err := p.load(file); err != nil {
		return nil, err
	}
	return p, nil
}

// Held returns the tools that are held back, sorted by server and tool. It includes those that a
// later list no longer has: other users of the server may still have them. The caller may modify
// what it gets.
func (p *Pins) Held() []Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	var changes []Change
	for server, held := range p.held {
		for tool, next := range held.tools {
			old, pinned := p.accepted.pin(server, tool)
			if pinned && old.fingerprint == next.fingerprint {
				continue // another process accepted it, and no list was judged since
			}
			c := Change{Server: server, Tool: tool, New: next.function(server)}
			if pinned {
				f := old.function(server)
				c.Old = &f
			}
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Server, b.Server), strings.Compare(a.Tool, b.Tool))
	})
	return changes
}

// Accept accepts a tool that [Pins.Held] returned, with the definition New in it. Groups with these
// Pins offer the tool again soon. Call [Pins.Save] to make that last.
//
// Only Server, Tool and New.Fingerprint of the change matter. Accept fails with [ErrOutdated] if New
// is no longer the definition that is held back: what the user did not see is not accepted. It fails
// with [ErrNotHeld] if the tool is not held back, and with a [LimitError] if there is no room.
func (p *Pins) Accept(c Change) error {
	p.mu.Lock()
	err := p.accept(c)
	watchers := slices.Collect(maps.Keys(p.watchers))
	p.mu.Unlock()
	if err != nil {
		return fmt.Errorf("group: accept tool %q of server %q: %w", c.Tool, c.Server, err)
	}
	for _, w := range watchers {
		w.f(c.Server)
	}
	return nil
}

// accept is Accept. p.mu is held.
func (p *Pins) accept(c Change) error {
	held := p.held[c.Server]
	if held == nil {
		return ErrNotHeld
	}
	switch next, ok := held.tools[c.Tool]; {
	case !ok:
		return ErrNotHeld
	case next.fingerprint != c.New.Fingerprint:
		return ErrOutdated
	default:
		return p.decide(c.Server, c.Tool, decision{pin: next, byUser: true})
	}
}

// decide accepts a definition. p.mu is held.
func (p *Pins) decide(server, tool string, d decision) error {
	if err := p.accepted.put(server, tool, d.pin); err != nil {
		return err
	}
	if p.unsaved[server] == nil {
		p.unsaved[server] = make(map[string]decision)
	}
	p.unsaved[server][tool] = d
	if held := p.held[server]; held != nil {
		held.remove(tool)
	}
	return nil
}

// check judges a server's whole list: which functions a model may have, and the names of those that
// are held back, sorted. A nil Pins accepts all.
func (p *Pins) check(server string, functions []toolspec.Function) (accepted []toolspec.Function, held []string) {
	if p == nil {
		return functions, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.accepted.knows(server) // judged once: after its first tool, the server is known
	if !known && p.accepted.know(server) == nil {
		p.unsaved[server] = make(map[string]decision)
	}
	next, listed := new(serverPins), make(map[string]bool, len(functions))
	for i := range functions {
		f := &functions[i]
		listed[f.Tool] = true
		if p.accepts(server, f, !known || p.newTools == Trust) {
			accepted = append(accepted, *f)
			continue
		}
		held = append(held, f.Name)
		if now, err := newPin(f); err == nil {
			_ = next.put(server, f.Tool, now) // without room, it is held back and cannot be accepted
		}
	}
	p.remember(server, next, listed)
	slices.Sort(held)
	return accepted, held
}

// accepts reports whether a model may have a function. If the tool is new and may be trusted, it is
// pinned. p.mu is held.
func (p *Pins) accepts(server string, f *toolspec.Function, trustNew bool) bool {
	if have, pinned := p.accepted.pin(server, f.Tool); pinned {
		return have.fingerprint == f.Fingerprint
	}
	if !trustNew {
		return false
	}
	now, err := newPin(f)
	return err == nil && p.decide(server, f.Tool, decision{pin: now}) == nil
}

// remember replaces what is held back of a server. What was held back before and is not in the list
// stays, while there is room. p.mu is held.
func (p *Pins) remember(server string, next *serverPins, listed map[string]bool) {
	if before := p.held[server]; before != nil {
		for _, tool := range slices.Sorted(maps.Keys(before.tools)) {
			if !listed[tool] {
				_ = next.put(server, tool, before.tools[tool])
			}
		}
	}
	p.held[server] = next
	if len(next.tools) == 0 {
		delete(p.held, server)
	}
}

// functions returns the accepted functions of a server, sorted by name, without the prefix of a
// group. It includes those that the server has removed since.
func (p *Pins) functions(server string) []toolspec.Function {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pins := p.accepted.servers[server]
	if pins == nil {
		return nil
	}
	var tools []mcpclient.Tool
	for tool := range pins.tools {
		var t mcpclient.Tool
		t.Name = tool
		tools = append(tools, t)
	}
	functions := toolspec.Functions(server, tools) // for their names, which may depend on each other
	for i := range functions {
		name := functions[i].Name
		functions[i] = pins.tools[functions[i].Tool].function(server)
		functions[i].Name = name
	}
	return functions
}

// watch calls f with the name of a server each time that other definitions of it were accepted than
// its lists say, on the goroutine of Accept or Save and without a lock. A call of f may still be
// running when stop returns.
func (p *Pins) watch(f func(server string)) (stop func()) {
	if p == nil {
		return func() {}
	}
	w := &watcher{f}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watchers[w] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watchers, w)
	}
}
