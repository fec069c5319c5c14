package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// sums returns the two go.sum lines for a version of the root module with these files. See `go help
// module-private` and golang.org/x/mod/sumdb/dirhash, "h1:".
func sums(module string, v version, files map[string][]byte) string {
	content := map[string][]byte{}
	for name, data := range moduleFiles(files) {
		content[fmt.Sprintf("%s@%s/%s", module, v, name)] = data
	}
	return fmt.Sprintf("%s %s %s\n%s %s/go.mod %s\n",
		module, v, hash1(content), module, v, hash1(map[string][]byte{"go.mod": files["go.mod"]}))
}

// moduleFiles returns the files outside nested modules. The go command does not download nested
// modules with the root module.
func moduleFiles(files map[string][]byte) map[string][]byte {
	result := maps.Clone(files)
	for name := range files {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, nested := files[dir+"/go.mod"]; nested {
				delete(result, name)
			}
		}
	}
	return result
}

// hash1 returns the hash of files that go.sum writes with the prefix "h1:".
func hash1(files map[string][]byte) string {
	all := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(all.Sum(nil))
}

// insertSums inserts a module's lines into the text of a go.sum, which is sorted by module path.
func insertSums(sum, module, lines string) string {
	var b strings.Builder
	for line := range strings.Lines(sum) {
		name, _, _ := strings.Cut(line, " ")
		if lines != "" && name > module {
			b.WriteString(lines)
			lines = ""
		}
		b.WriteString(line)
	}
	return b.String() + lines
}
