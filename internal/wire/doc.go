// Package wire decodes the results and parameters of MCP in one pass, where they stand in the
// buffer of the connection, into the types of mcp-go's package mcp.
//
// It knows one file for each kind of message: tools.go, prompts.go, resources.go, complete.go and
// sampling.go; content.go for content, head.go for what all results have in common, and page.go for
// lists. The caller passes pointers to the values to fill in, so that public types can embed those
// of package mcp.
package wire
