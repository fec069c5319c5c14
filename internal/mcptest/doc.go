// Package mcptest is an MCP server for tests. It is small and can be scripted. Where a client can
// see a difference, it behaves like real servers. It implements either era of the protocol: legacy
// (initialize, session ids, shared and resumable streams, DELETE) and modern (2026-07-28:
// server/discover, per-request _meta and mirrored headers, which it checks, subscriptions/listen,
// multi round-trip requests). [Call.RequestInput] sends a server request in either era.
//
// The server is strict: if a client breaks a rule, the server answers as the specification says and
// records a violation. A violation fails the test if the server was started with [Server.InMemory]
// or [Server.Loopback]. It records every request and counts how often each tool ran, because a
// client cannot see that a tool ran twice.
//
// The server never waits for time to pass. Gates hold requests back, which lets a test order events
// without sleeping. The server works inside a testing/synctest bubble.
package mcptest
