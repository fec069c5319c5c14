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

	"github.com/hawser-mcp/hawser/oauth"
)

// format is what each file begins with. Another one is another version's, and left alone.
const format = "hawser oauth store 1"

// record is what a file holds.
type record struct {
	Format  string `json:"format"`
	Key     string `json:"key"` // for people, and to notice a file that was copied to another name
	Version string `json:"version"`
	Value   []byte `json:"value"`
}

// newRecord gives a value a version that no other ever has.
func newRecord(key string, value []byte) record {
	return record{Format: format, Key: asJSON(key), Version: rand.Text(), Value: value}
}

// asJSON returns what is left of a text in JSON, which has no bytes that are no characters.
func asJSON(text string) string { return string([]rune(text)) }

// A key may hold any characters, and more than a name may have.
func nameOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func valueFile(key string) string { return nameOf(key) + ".json" }
func leaseFile(key string) string { return nameOf(key) + ".lease" }

// read returns the record of a key. The caller holds the lock of the directory.
func read(root *os.Root, key string) (record, error) {
	name := valueFile(key)
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return record{}, oauth.ErrNotFound
	case err != nil:
		return record{}, err
	case !info.Mode().IsRegular():
		return record{}, damaged(name, "it is no regular file")
	}
	data, err := root.ReadFile(name)
	if err != nil {
		return record{}, err
	}
	var r record
	switch err := json.Unmarshal(data, &r); {
	case err != nil:
		return record{}, damaged(name, "it is not the JSON that it should be") // whose error may quote a secret
	case r.Format != format:
		return record{}, damaged(name, fmt.Sprintf("its format is not %q", format))
	case r.Key != asJSON(key):
		return record{}, damaged(name, "it belongs to another key")
	case r.Version == "":
		return record{}, damaged(name, "it has no version")
	}
	return r, nil
}

func damaged(name, why string) error {
	return fmt.Errorf("%s: %w: %s (move it away to start anew)", name, ErrDamaged, why)
}

// write replaces the record of a key. The caller holds the lock of the directory.
func write(root *os.Root, key string, r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	name, next := valueFile(key), nameOf(key)+".tmp"
	if err := root.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one who died here
		return err
	}
	err = writeNew(root, next, data)
	if err == nil {
		err = root.Rename(next, name)
	}
	if err != nil {
		_ = root.Remove(next) // the first error says more
		return err
	}
	syncDir(root)
	return nil
}

// writeNew writes a file that does not exist yet, down to the disk.
func writeNew(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
}
