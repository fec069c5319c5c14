package toolspec

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Separator ends the alias of the server in the name of a function.
const Separator = "__"

const (
	// maxName is the length of the longest name that every API accepts: 63 in Firebase's API for
	// Gemini, 64 in most others.
	maxName = 63
	// maxAlias leaves at least 37 bytes for the tool.
	maxAlias = 24
	// hashLength is the length of a hash in a name, in hexadecimal digits.
	hashLength = 8
)

// Alias returns the part of a function's name that stands for the server with this name in the
// configuration. It has at most 24 of the characters A-Z, a-z, 0-9, "_" and "-", starts with a
// letter, does not contain [Separator] and does not end with "_". An alias that differs from the
// server's name ends with a hash of that name.
//
// Two servers have the same alias only if the first 32 bits of their hashes are equal. Check for
// this case when a server is added.
func Alias(server string) string {
	clean := sanitize(server)
	for strings.Contains(clean, Separator) {
		clean = strings.ReplaceAll(clean, Separator, "_")
	}
	clean = strings.Trim(clean, "_-")
	if clean == "" || clean[0] >= '0' && clean[0] <= '9' {
		clean = "s" + clean
	}
	if clean == server && len(clean) <= maxAlias && !endsWithHash(clean) {
		return clean
	}
	return shorten(clean, maxAlias, hash(server))
}

// Name returns the name of a server's tool for a model: the alias of the server, [Separator], and
// the tool's name. Every API accepts it: it matches [A-Za-z][A-Za-z0-9_-]{0,62}. If the tool's name
// does not fit, characters are replaced, the name is cut, and a hash of both names is appended.
//
// The name depends on the two arguments only, so it stays the same when servers come and go, and a
// saved conversation remains valid. The first Separator ends the alias. Two tools have the same
// name only if the first 32 bits of their hashes are equal; see [Functions].
func Name(server, tool string) string { return nthName(server, tool, 0) }

// nthName returns another name for each nth.
func nthName(server, tool string, nth int) string {
	prefix := Alias(server) + Separator
	room := maxName - len(prefix)
	clean := sanitize(tool)
	if nth == 0 && clean == tool && clean != "" && len(clean) <= room && !endsWithHash(clean) {
		return prefix + clean
	}
	return prefix + shorten(clean, room, hash(server+"\x00"+tool+strings.Repeat("\x00", nth)))
}

// sanitize replaces each character that an API refuses in names with "_".
func sanitize(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s)
}

// shorten returns the beginning of s and the hash, in at most limit bytes.
func shorten(s string, limit int, hash string) string {
	s = s[:min(len(s), limit-1-len(hash))]
	return strings.TrimRight(s, "_-") + "_" + hash
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:hashLength/2])
}

// endsWithHash reports whether a name looks like one with a hash. Such a name gets a hash itself, so
// that it cannot be the same as the shortened name of another tool.
func endsWithHash(s string) bool {
	at := len(s) - hashLength
	return at > 0 && s[at-1] == '_' && strings.Trim(s[at:], "0123456789abcdef") == ""
}

// assign returns the function names of a server's tools. The order of the tools does not matter.
func assign(server string, tools []string) map[string]string {
	names, taken := make(map[string]string), make(map[string]bool)
	for _, tool := range slices.Compact(slices.Sorted(slices.Values(tools))) {
		name := Name(server, tool)
		for nth := 1; taken[name]; nth++ {
			name = nthName(server, tool, nth)
		}
		taken[name], names[tool] = true, name
	}
	return names
}
