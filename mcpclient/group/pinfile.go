package group

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/internal/canonical"
	"github.com/hawser-mcp/hawser/internal/sharedfile"
)

// ErrPinsDamaged says that a file is not a valid file of pins. The file is not changed.
var ErrPinsDamaged = errors.New("damaged or not a file of pins")

const (
	// pinVersion is the version of the file's format.
	pinVersion = 1
	// pinLockWait bounds the wait for another process that saves.
	pinLockWait = 5 * time.Second
)

// pinEntry is a pin in the file.
type pinEntry struct {
	Fingerprint string `json:"fingerprint"`
	// Sum is a checksum of the entry with its names. The fingerprint cannot be checked against the
	// definition, because it covers more than is kept.
	Sum        string          `json:"sum"`
	Definition json.RawMessage `json:"definition"`
}

// load reads the file for the first time.
func (p *Pins) load(file string) error {
	if file == "" {
		return nil
	}
	whole, err := filepath.Abs(file) // stays valid if the program changes its working directory
	if err != nil {
		return fmt.Errorf("group: open pins: %w", err)
	}
	p.file = whole
	root, err := os.OpenRoot(filepath.Dir(whole))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		defer root.Close()
		_, err = readPins(root, filepath.Base(whole), &p.accepted)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("group: open pins %s: %w", whole, err)
	}
	return nil
}

// Save writes the file if anything is not in it yet, and creates its directory if necessary. It
// replaces the file as a whole: neither a crash nor a full disk leaves a partial file. The file has
// mode 0600 and is synced to disk.
//
// Processes may share a file. Save locks it (by a file with the suffix ".lock", for at most 5 s),
// reads it again, and adds only what was accepted here. A definition that [Pins.Accept] accepted
// replaces that in the file. One that was accepted because it was new to this process does not, and
// under [Hold] it is not added to a server that the file knows by then. Afterwards, these Pins hold
// what the file holds, so they see what other processes have accepted, or what the user has deleted
// from the file. If the file is gone, Save writes all pins.
//
// If Save fails, what is missing in the file is written by a later Save. The error wraps
// [ErrPinsDamaged] or a [LimitError] if the file is not usable. On Windows, Save may fail while
// another process opens the file.
func (p *Pins) Save() error {
	if p.file == "" {
		return nil
	}
	changed, err := p.save()
	if err != nil {
		return fmt.Errorf("group: save pins %s: %w", p.file, err)
	}
	p.mu.Lock()
	watchers := slices.Collect(maps.Keys(p.watchers))
	p.mu.Unlock()
	for _, server := range changed {
		for _, w := range watchers {
			w.f(server)
		}
	}
	return nil
}

// save is Save. It returns the servers of which other definitions are now accepted.
func (p *Pins) save() (changed []string, err error) {
	p.saving.Lock()
	defer p.saving.Unlock()
	p.mu.Lock()
	unsaved := len(p.unsaved)
	p.mu.Unlock()
	if unsaved == 0 {
		return nil, nil
	}
	dir, name := filepath.Split(p.file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	ctx, cancel := context.WithTimeoutCause(context.Background(), pinLockWait, errors.New("another process holds the lock"))
	defer cancel()
	unlock, err := sharedfile.Lock(ctx, p.file+".lock")
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	defer unlock()
	return p.replace(root, name)
}

// replace merges what is unsaved into the file. The lock on the file is held.
func (p *Pins) replace(root *os.Root, name string) (changed []string, err error) {
	var merged book
	before, err := readPins(root, name, &merged)
	p.mu.Lock()
	if errors.Is(err, fs.ErrNotExist) {
		merged, err = p.accepted.clone(), nil
	}
	saving := p.unsaved
	p.unsaved = make(map[string]map[string]decision)
	p.mu.Unlock()
	if err == nil {
		err = p.merge(&merged, saving)
	}
	if err == nil {
		if text := merged.encode(); !bytes.Equal(text, before) {
			err = sharedfile.Replace(root, name, name+".tmp", text)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.unsaved = newest(saving, p.unsaved)
		return nil, err
	}
	if err := p.merge(&merged, p.unsaved); err != nil { // what was accepted meanwhile waits for the next Save
		return nil, err
	}
	old := p.accepted
	p.accepted = merged
	return differing(&old, &merged), nil
}

// merge adds to a book what was accepted here. Its error is a LimitError about a definition that the
// user accepted; others for which there is no room are left out, and so held back from then on.
func (p *Pins) merge(b *book, unsaved map[string]map[string]decision) error {
	for _, server := range slices.Sorted(maps.Keys(unsaved)) {
		known := b.knows(server)
		_ = b.know(server) // put returns the error as well
		for _, tool := range slices.Sorted(maps.Keys(unsaved[server])) {
			d := unsaved[server][tool]
			if _, pinned := b.pin(server, tool); !d.byUser && (pinned || known && p.newTools == Hold) {
				continue
			}
			if err := b.put(server, tool, d.pin); err != nil && d.byUser {
				return err
			}
		}
	}
	return nil
}

// newest joins decisions. Those in b are newer than those in a.
func newest(a, b map[string]map[string]decision) map[string]map[string]decision {
	for server, tools := range b {
		if a[server] == nil {
			a[server] = tools
		}
		maps.Copy(a[server], tools)
	}
	return a
}

// differing returns the servers whose definitions differ, sorted.
func differing(a, b *book) []string {
	servers := make(map[string]bool)
	for _, book := range []*book{a, b} {
		for server := range book.servers {
			servers[server] = !book.same(server, a) || !book.same(server, b)
		}
	}
	maps.DeleteFunc(servers, func(_ string, differs bool) bool { return !differs })
	return slices.Sorted(maps.Keys(servers))
}

// same reports whether two books have the same definitions of a server.
func (b *book) same(server string, other *book) bool {
	return b.knows(server) == other.knows(server) && (!b.knows(server) ||
		maps.EqualFunc(b.servers[server].tools, other.servers[server].tools, func(x, y pin) bool { return x.fingerprint == y.fingerprint }))
}

func (b *book) clone() book {
	c := book{servers: make(map[string]*serverPins, len(b.servers)), size: b.size}
	for server, pins := range b.servers {
		c.servers[server] = &serverPins{tools: maps.Clone(pins.tools), size: pins.size}
	}
	return c
}

// encode returns the text of the file, with a line for each tool, always in the same order.
func (b *book) encode() []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "{\"version\":%d,\"servers\":{", pinVersion)
	for i, server := range slices.Sorted(maps.Keys(b.servers)) {
		writeKey(&text, i, "\n ", server)
		text.WriteString("{")
		tools := b.servers[server].tools
		for i, tool := range slices.Sorted(maps.Keys(tools)) {
			writeKey(&text, i, "\n  ", tool)
			p := tools[tool]
			entry, _ := encode(pinEntry{p.fingerprint, p.sum(server, tool), p.definition}) // the definition is valid JSON
			text.Write(entry)
		}
		text.WriteString("}")
	}
	text.WriteString("}}\n")
	return text.Bytes()
}

// writeKey begins the i-th member of an object.
func writeKey(text *bytes.Buffer, i int, indent, name string) {
	if i > 0 {
		text.WriteByte(',')
	}
	key, _ := encode(name) // a string can be encoded
	text.WriteString(indent)
	text.Write(key)
	text.WriteByte(':')
}

// sum returns the checksum of a pin. White space and the order of members do not matter, so the file
// may be formatted.
func (p pin) sum(server, tool string) string {
	text, _ := encode([]any{server, tool, p.fingerprint, p.definition}) // the definition is valid JSON
	sum := sha256.Sum256(canonical.Text(text))
	return hex.EncodeToString(sum[:])
}

// readPins reads the file into an empty book, and returns its text.
func readPins(root *os.Root, name string, into *book) (text []byte, err error) {
	info, err := root.Lstat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, damaged("not a regular file")
	case info.Size() > maxPinFile:
		return nil, &LimitError{What: "bytes", Limit: maxPinFile}
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err = io.ReadAll(io.LimitReader(f, maxPinFile)) // the file may have grown
	if err != nil {
		return nil, err
	}
	return text, decodePins(text, into)
}

func decodePins(text []byte, into *book) error {
	var file struct {
		Version int                            `json:"version"`
		Servers map[string]map[string]pinEntry `json:"servers"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return damaged("invalid JSON: " + err.Error())
	}
	if file.Version != pinVersion {
		return damaged(fmt.Sprintf("version %d, expected %d", file.Version, pinVersion))
	}
	if err := strictly(text, &file); err != nil { // a part that is not known would be lost when the file is written
		return damaged(err.Error())
	}
	for server, tools := range file.Servers {
		if err := into.know(server); err != nil {
			return err
		}
		for tool, entry := range tools {
			p, err := entry.pin(server, tool)
			if err == nil {
				err = into.put(server, tool, p)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// pin returns the pin of an entry, after checking it.
func (e *pinEntry) pin(server, tool string) (pin, error) {
	var d definition
	if err := strictly(e.Definition, &d); err != nil {
		return pin{}, damaged(fmt.Sprintf("tool %q of server %q: %v", tool, server, err))
	}
	text, err := encode(e.Definition)
	p := pin{e.Fingerprint, text}
	if err != nil || d.Name != tool || e.Sum != p.sum(server, tool) {
		return pin{}, damaged(fmt.Sprintf("tool %q of server %q: its definition and fingerprint do not match its sum", tool, server))
	}
	return p, nil
}

// strictly decodes JSON that has no unknown members.
func strictly(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

func damaged(why string) error {
	return fmt.Errorf("%w: %s (restore the file, or move it away to start over)", ErrPinsDamaged, why)
}
