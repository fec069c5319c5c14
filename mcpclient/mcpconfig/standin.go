package mcpconfig

import (
	"path"
	"slices"
)

// Allows reports whether the tool may be used.
func (s *Server) Allows(tool string) bool {
	match := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, tool); return ok })
	}
	return (s.Allow == nil || match(s.Allow)) && !match(s.Deny)
}

// Rule returns the rule of a tool.
func (s *Server) Rule(tool string) Rule {
	if r, ok := s.Approve[tool]; ok {
		return r
	}
	best, rule := -1, Auto
	for p, r := range s.Approve {
		if ok, _ := path.Match(p, tool); ok && len(p) > best {
			best, rule = len(p), r
		}
	}
	return rule
}
