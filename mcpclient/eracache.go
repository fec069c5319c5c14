package mcpclient

import "sync"

// EraCache remembers the era of each endpoint, so that a new session starts with the right
// handshake. A wrong entry is replaced once a handshake shows it. The zero value is ready to use.
// It keeps the last 1,024 endpoints in memory and is safe for concurrent use.
type EraCache struct {
	printed // its keys are endpoint URLs

	mu    sync.Mutex
	eras  map[string]Era // guarded by mu
	order []string       // guarded by mu; oldest first
}

const eraCacheSize = 1024

// Lookup returns the era of an endpoint URL, EraUnknown if there is no entry.
func (c *EraCache) Lookup(endpoint string) Era {
	if c == nil {
		return EraUnknown
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.eras[endpoint]
}

// Store sets the era of an endpoint URL. EraUnknown removes it.
func (c *EraCache) Store(endpoint string, era Era) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.eras == nil {
		c.eras = make(map[string]Era)
	}
	if _, there := c.eras[endpoint]; !there {
		c.order = append(c.order, endpoint)
		if len(c.order) > eraCacheSize {
			delete(c.eras, c.order[0])
			c.order = c.order[1:]
		}
	}
	c.eras[endpoint] = era
}
