// Package release holds the version of the module.
package release

// Version is the version of the module, without the "v" of its tag. The sources name the version
// only here; tests/repo/release writes it.
const Version = "0.1.0"

// UserAgent is the User-Agent of the requests to MCP servers and authorization servers. Some of
// them refuse requests without one, and executors add none.
const UserAgent = "hawser/" + Version
