// Package group is many MCP servers for one agent.
package group

// Group is many MCP servers for one agent.
type Group struct{}

// Close closes the group.
func (g *Group) Close() error { return nil }
