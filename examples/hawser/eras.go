package main

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const (
	eraLifetime = 30 * 24 * time.Hour
	maxEras     = 512     // endpoints in the file
	maxErasFile = 1 << 20 // bytes
)

// eras stores the era of each endpoint on disk, so later runs need not detect it. An unusable file
// is ignored and replaced. Two concurrent runs may lose an entry; the next run detects that era
// again.
type eras struct {
	mcpclient.EraCache

	file     string // "" if nothing is stored
	endpoint string
	known    mcpclient.Era // the era in the file
	now      func() time.Time
}

// eraEntry is the file's entry for one endpoint.
type eraEntry struct {
	Era  string    `json:"era"`
	Time time.Time `json:"time"`
}

// openEras returns the cache for one run. dir is the user's cache directory. If dir is "", nothing
// is stored.
func openEras(dir, endpoint string, now func() time.Time) *eras {
	c := &eras{endpoint: endpoint, now: now}
	if dir == "" {
		return c
	}
	c.file = filepath.Join(dir, "hawser", "eras.json")
	switch c.read()[eraKey(endpoint)].Era {
	case mcpclient.EraLegacy.String():
		c.known = mcpclient.EraLegacy
	case mcpclient.EraModern.String():
		c.known = mcpclient.EraModern
	}
	c.Store(endpoint, c.known)
	return c
}

// eraKey returns the key of an endpoint in the file: its URL without parts that may be secret.
func eraKey(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// read returns the entries of the file that have not expired. The map is empty if there is no
// usable file.
func (c *eras) read() map[string]eraEntry {
	entries := make(map[string]eraEntry)
	info, err := os.Stat(c.file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxErasFile {
		return entries
	}
	text, err := os.ReadFile(c.file)
	if err != nil || json.Unmarshal(text, &entries) != nil || entries == nil { // the JSON may be null
		return make(map[string]eraEntry)
	}
	now := c.now()
	maps.DeleteFunc(entries, func(_ string, e eraEntry) bool { age := now.Sub(e.Time); return age > eraLifetime || age < -time.Hour })
	return entries
}

// save writes the era to the file if the session has detected a new one.
func (c *eras) save() error {
	era := c.Lookup(c.endpoint)
	if c.file == "" || era == mcpclient.EraUnknown || era == c.known {
		return nil
	}
	entries := c.read()
	entries[eraKey(c.endpoint)] = eraEntry{era.String(), c.now().UTC().Truncate(time.Second)}
	if len(entries) > maxEras {
		oldest := slices.SortedFunc(maps.Keys(entries), func(a, b string) int { return entries[a].Time.Compare(entries[b].Time) })
		for _, key := range oldest[:len(entries)-maxEras] {
			delete(entries, key)
		}
	}
	text, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	return replaceFile(c.file, text)
}

// replaceFile replaces a file atomically. Only the user can read the new file.
func replaceFile(file string, text []byte) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(dir, ".eras-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = temporary.Write(text)
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		_ = os.Remove(temporary.Name()) // the first error is more useful
	}
	return err
}
