// Package mcpconfig reads the configuration files in which other products list their MCP servers.
package mcpconfig
