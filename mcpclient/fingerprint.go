package mcpclient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/hawser-mcp/hawser/internal/canonical"
)

// Fingerprint returns a SHA-256 of the tool's definition, in hexadecimal. Tools have the same
// fingerprint if their definitions differ only in white space, in the order of members or in how
// strings are escaped. Any other difference counts, even that between 1 and 1.0. Use it to find out
// whether a tool is still what the user approved.
//
// If Raw is nil, the definition is what the tool encodes to.
func (t Tool) Fingerprint() string {
	raw := t.Raw
	if raw == nil {
		var err error
		if raw, err = json.Marshal(t.Tool); err != nil {
			raw = nil // a value that cannot be encoded has the fingerprint of nothing
		}
	}
	sum := sha256.Sum256(canonical.Text(raw))
	return hex.EncodeToString(sum[:])
}

// definition is what the session remembers of a tool's definition, to notice that it changes.
type definition struct {
	raw         [sha256.Size]byte // of the exact bytes, since comparing these is cheap
	fingerprint string
}

// compareDefinition reports a tool whose definition is not what it was when it was last listed.
func (s *Session) compareDefinition(ctx context.Context, t *Tool) {
	old, known := s.tools.definition(t.Name)
	next := definition{raw: sha256.Sum256(t.Raw)}
	if known && old.raw == next.raw {
		return
	}
	next.fingerprint = t.Fingerprint()
	s.tools.define(t.Name, next, s.opts.Limits.Items)
	if known && old.fingerprint != next.fingerprint {
		s.tell(ctx, ToolRedefined{Endpoint: s.Endpoint(), Tool: t.Name, Old: old.fingerprint, New: next.fingerprint})
	}
}

func (x *toolIndex) definition(name string) (d definition, known bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	d, known = x.definitions[name]
	return d, known
}

// define remembers a definition. It remembers at most limit tools.
func (x *toolIndex) define(name string, d definition, limit int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.definitions == nil {
		x.definitions = make(map[string]definition)
	}
	if _, known := x.definitions[name]; known || len(x.definitions) < limit {
		x.definitions[name] = d
	}
}
