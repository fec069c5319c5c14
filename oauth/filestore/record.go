package filestore

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hawser-mcp/hawser/internal/sharedfile"
	"github.com/hawser-mcp/hawser/oauth"
)

// format is the value of the first member in each file. If it differs, another version of this
// package wrote the file. The store then neither uses nor changes the file.
const format = "hawser oauth store 1"

// record is the content of a value's file.
type record struct {
	Format  string `json:"format"`
	Key     string `json:"key"` // for people who read the file, and to detect a file that was copied to another name
	Version string `json:"version"`
	Value   []byte `json:"value"`
}

// newRecord returns a record with a new random version.
func newRecord(key string, value []byte) record {
	return record{Format: format, Key: asJSON(key), Version: rand.Text(), Value: value}
}

// asJSON returns text with invalid UTF-8 replaced, as encoding/json does when it encodes and
// decodes a string.
func asJSON(text string) string { return string([]rune(text)) }

// nameOf returns the file name for a key, without its extension. The name is a hash, because a key
// may be too long for a file name or contain characters that are not allowed in one.
func nameOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func valueFile(key string) string { return nameOf(key) + ".json" }
func leaseFile(key string) string { return nameOf(key) + ".lease" }

// read returns the record of a key. The caller must hold the lock on the directory.
func read(root *os.Root, key string) (record, error) {
	name := valueFile(key)
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return record{}, oauth.ErrNotFound
	case err != nil:
		return record{}, err
	case !info.Mode().IsRegular():
		return record{}, damaged(name, "not a regular file")
	}
	data, err := root.ReadFile(name)
	if err != nil {
		return record{}, err
	}
	var r record
	switch err := json.Unmarshal(data, &r); {
	case err != nil:
		return record{}, damaged(name, "invalid JSON") // the JSON error may quote a secret
	case r.Format != format:
		return record{}, damaged(name, fmt.Sprintf("unknown format, expected %q", format))
	case r.Key != asJSON(key):
		return record{}, damaged(name, "it belongs to another key")
	case r.Version == "":
		return record{}, damaged(name, "it has no version")
	}
	return r, nil
}

func damaged(name, why string) error {
	return fmt.Errorf("%s: %w: %s (move the file away to start over)", name, ErrDamaged, why)
}

// write creates or replaces the file of a key. The caller must hold the lock on the directory.
func write(root *os.Root, key string, r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return sharedfile.Replace(root, valueFile(key), nameOf(key)+".tmp", data)
}
