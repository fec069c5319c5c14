package mcpconfig

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// String returns the name of the rule in a file: "auto", "ask" or "never".
func (r Rule) String() string {
	for name, rule := range ruleNames {
		if rule == r {
			return name
		}
	}
	return fmt.Sprintf("Rule(%d)", uint8(r))
}

var ruleNames = map[string]Rule{"auto": Auto, "ask": Ask, "never": Never}

// Allows reports whether Allow and Deny let a model use the tool with this name. An invalid pattern
// in Deny denies every tool; one in Allow allows none.
func (s *Server) Allows(tool string) bool {
	for _, pattern := range s.Deny {
		if matched, err := match(pattern, tool); matched || err != nil {
			return false
		}
	}
	return s.Allow == nil || slices.ContainsFunc(s.Allow, func(pattern string) bool {
		matched, _ := match(pattern, tool)
		return matched
	})
}

// Rule returns the rule for calls of the tool with this name. If Approve has exactly this name, that
// counts; otherwise the longest pattern that matches, and of several with the same length the first
// in the order of their texts. If no pattern matches, the rule is Auto. If a pattern is invalid, it
// is Never.
func (s *Server) Rule(tool string) Rule {
	if rule, ok := s.Approve[tool]; ok {
		return rule
	}
	longest := func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) }
	found, result := false, Auto
	for _, pattern := range slices.SortedFunc(maps.Keys(s.Approve), longest) {
		matched, err := match(pattern, tool)
		if err != nil {
			return Never
		}
		if matched && !found {
			found, result = true, s.Approve[pattern]
		}
	}
	return result
}

// match is path.Match without its special treatment of slashes: a server must not escape from "*"
// with a slash in the name of a tool.
func match(pattern, tool string) (bool, error) {
	noSlash := strings.NewReplacer("/", "\x00")
	return path.Match(noSlash.Replace(pattern), noSlash.Replace(tool))
}

// literal returns a pattern that matches exactly this name.
func literal(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}
