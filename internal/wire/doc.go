// Package wire decodes MCP results and parameters into the types of mcp-go's package mcp. It reads
// the connection's buffer once.
//
// Each kind of message has its own file: tools.go, prompts.go, resources.go, complete.go and
// sampling.go. content.go decodes content, head.go the members that all results share, and page.go
// lists. The caller passes pointers to the values to fill in, so public types can embed those of
// package mcp.
package wire
