// Package mcptest is an MCP server for tests: small, faithful where a client
// can notice, and scripted where a test wants it otherwise. It plays either era
// of the protocol: legacy (initialize, session ids, standing and resumable
// streams, DELETE) and modern (2026-07-28: server/discover, per-request _meta
// and mirrored headers, which it checks, subscriptions/listen, multi round-trip
// requests). [Call.Question] asks the client in the way of either.
//
// It is strict: what a client must not do is answered as the specification
// says and remembered as a violation, which fails the test that served it with
// [Server.InMemory] or [Server.Loopback]. It records every request and counts
// how often each tool ran, since "it ran twice" is what no client can see.
//
// Nothing in it waits for time to pass; gates hold replies back, so that a test
// orders events instead of sleeping. It works inside a testing/synctest bubble.
package mcptest
