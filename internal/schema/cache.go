package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"sync"
)

// Lazy is a schema that is compiled when it is first needed, once. It is safe for concurrent use.
type Lazy struct {
	raw      json.RawMessage
	once     sync.Once
	compiled *Schema
	err      error
}

// NewLazy returns the schema whose JSON text is raw. raw must not change afterwards.
func NewLazy(raw json.RawMessage) *Lazy { return &Lazy{raw: raw} }

// Is reports whether raw is the JSON text of the schema. A nil Lazy matches no schema text.
func (l *Lazy) Is(raw json.RawMessage) bool {
	return (l == nil) == (raw == nil) && (l == nil || bytes.Equal(l.raw, raw))
}

// Get returns the compiled schema.
func (l *Lazy) Get() (*Schema, error) {
	l.once.Do(func() { l.compiled, l.err = Compile(l.raw) })
	return l.compiled, l.err
}

// The bounds of a Cache. Compiled, a schema takes up to a hundred times its length.
const (
	maxCached      = 128
	maxCachedBytes = 1 << 20
)

// Cache keeps compiled schemas by the digest of their text, within bounds. The zero value is ready
// and safe for concurrent use.
type Cache struct {
	mu      sync.Mutex
	schemas map[[sha256.Size]byte]*Lazy // guarded by mu
	bytes   int                         // guarded by mu: of all their texts
}

// Get returns the compiled schema for raw. Concurrent calls with the same text share one
// compilation.
func (c *Cache) Get(raw json.RawMessage) (*Schema, error) {
	sum := sha256.Sum256(raw)
	c.mu.Lock()
	entry := c.schemas[sum]
	if entry == nil {
		if len(c.schemas) >= maxCached || c.bytes+len(raw) > maxCachedBytes {
			c.schemas, c.bytes = nil, 0
		}
		if c.schemas == nil {
			c.schemas = make(map[[sha256.Size]byte]*Lazy)
		}
		entry = NewLazy(bytes.Clone(raw))
		c.schemas[sum] = entry
		c.bytes += len(raw)
	}
	c.mu.Unlock()
	return entry.Get()
}
