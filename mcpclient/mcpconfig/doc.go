// Package mcpconfig reads the configuration files in which other products list their MCP servers:
// Claude Code, Cursor, VS Code, codex, Gemini CLI and others. It connects to nothing.
//
//	cfg, err := new(mcpconfig.Loader).Load(ctx, ".mcp.json", ".vscode/mcp.json")
//	...
//	for _, problem := range cfg.Problems {
//		log.Print(problem)
//	}
//	for _, server := range cfg.Servers {
//		...                                 // server.URL and server.Header are complete
//	}
//
// Files are JSON; comments and trailing commas are allowed in all of them. Settings of this package
// are under the key hawser of an entry, which other products ignore, so one file serves all.
// docs/configuration.md lists the keys of each product and what becomes of them.
//
// A mistake costs as little as possible. A setting that is wrong is a [Problem] of its entry, and
// other entries load. An entry is left out if it cannot be used as the file says: its address is
// invalid, a credential is missing, or a setting that limits the server cannot be read.
//
// A file is trusted: it can send any variable of the environment to any server. Do not load files
// that somebody else wrote, such as those of a repository that you just cloned, without asking the
// user.
package mcpconfig
