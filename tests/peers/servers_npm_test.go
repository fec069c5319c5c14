package peers_test

// npmServers are the programs for node.
var npmServers = []serverProgram{
	{
		name: "TypeScript SDK", implementation: "TypeScript SDK 2", pkg: "@modelcontextprotocol/server",
		script: "typescript-sdk-2.mjs", ci: true, protocol: "2026-07-28", stateless: true,
		na: map[feature]string{closes: noSession},
	},
	{
		name: "TypeScript SDK, pinned to this protocol", implementation: "TypeScript SDK 2", pkg: "@modelcontextprotocol/server",
		script: "typescript-sdk-2.mjs", pinned: true, protocol: "2025-11-25", stateless: true,
		na: map[feature]string{closes: noSession},
	},
	typescriptSDK1("@modelcontextprotocol/sdk", "2025-11-25"),
	typescriptSDK1("sdk120", "2025-06-18"),
	typescriptSDK1("sdk112", "2025-03-26"),
	typescriptSDK1("sdk110", "2024-11-05"),
	{
		name: "TypeScript SDK, stateless", implementation: "TypeScript SDK", pkg: "sdk120",
		script: "typescript-sdk-1.mjs", args: []string{"sdk120", "stateless"}, protocol: "2025-06-18", stateless: true,
		na: map[feature]string{
			progress: "the server answers with one JSON object", cancelled: noCancellation, closes: noSession,
		},
	},
	{
		// It never answers with an error, so Connect waits 10 s for the answer to server/discover.
		name: "TypeScript SDK, stateless", implementation: "TypeScript SDK", pkg: "sdk110",
		script: "typescript-sdk-1.mjs", args: []string{"sdk110", "stateless"}, protocol: "2024-11-05", stateless: true,
		na: map[feature]string{
			progress: "the server answers with one JSON object", wrongArgs: "the server never answers with an error",
			cancelled: noCancellation, closes: noSession,
		},
	},
	{
		name: "@hono/mcp", implementation: "@hono/mcp", pkg: "@hono/mcp", script: "hono.mjs", protocol: "2025-11-25",
		stateless: true, na: map[feature]string{closes: noSession},
	},
	{
		name: "fastify-mcp", implementation: "fastify-mcp", pkg: "fastify-mcp", script: "fastify-mcp.mjs",
		protocol: "2025-11-25", stateless: true, na: map[feature]string{closes: noSession},
	},
	{
		name: "fastify-mcp, stateful", implementation: "fastify-mcp", pkg: "fastify-mcp", script: "fastify-mcp.mjs",
		args: []string{"stateful"}, protocol: "2025-11-25",
	},
	{
		name: "fastmcp", implementation: "fastmcp", pkg: "fastmcp", script: "fastmcp.mjs", ci: true, protocol: "2025-11-25",
	},
	{
		name: "mcp-handler", implementation: "mcp-handler", pkg: "mcp-handler", script: "mcp-handler.mjs",
		protocol: "2026-07-28", stateless: true, na: map[feature]string{closes: noSession},
	},
	{
		name: "mcp-lite", implementation: "mcp-lite", pkg: "mcp-lite", script: "mcp-lite.mjs",
		protocol: "2025-03-26", stateless: true, na: map[feature]string{cancelled: noCancellation, closes: noSession},
	},
	{
		name: "mcp-lite, stateful", implementation: "mcp-lite", pkg: "mcp-lite", script: "mcp-lite.mjs",
		args: []string{"stateful"}, protocol: "2025-03-26", na: map[feature]string{cancelled: noCancellation},
	},
	{
		name: "mcp-use", implementation: "mcp-use", pkg: "mcp-use", script: "mcp-use.mjs",
		protocol: "2026-07-28", stateless: true, na: map[feature]string{closes: noSession},
	},
	{
		name: "tmcp", implementation: "tmcp", pkg: "tmcp", script: "tmcp.mjs", protocol: "2026-07-28", stateless: true,
		na: map[feature]string{closes: noSession},
	},
	{
		name: "supergateway", implementation: "supergateway", pkg: "supergateway", bin: "supergateway",
		args:     []string{"--stdio", "node $SERVERS/stdio.mjs", "--outputTransport", "streamableHttp", "--port", "$PORT"},
		protocol: "2025-11-25", stateless: true, na: map[feature]string{cancelled: noCancellation, closes: noSession},
	},
	{
		name: "supergateway, stateful", implementation: "supergateway", pkg: "supergateway", bin: "supergateway", ci: true,
		args:     []string{"--stdio", "node $SERVERS/stdio.mjs", "--outputTransport", "streamableHttp", "--stateful", "--port", "$PORT"},
		protocol: "2025-11-25",
	},
	{
		name: "mcp-proxy", implementation: "mcp-proxy", pkg: "mcp-proxy", bin: "mcp-proxy",
		args:     []string{"--host", "127.0.0.1", "--port", "$PORT", "--", "node", "$SERVERS/stdio.mjs"},
		protocol: "2026-07-28", stateless: true, na: map[feature]string{closes: noSession},
	},
	{
		name: "mcp-proxy, before server-filesystem", implementation: "mcp-proxy", pkg: "mcp-proxy", bin: "mcp-proxy",
		args:     []string{"--host", "127.0.0.1", "--port", "$PORT", "--", "mcp-server-filesystem", "$DIR"},
		protocol: "2026-07-28", stateless: true,
		echo: &toolCall{"read_text_file", map[string]any{"path": "$DIR/hello.txt"}, "hello"},
		big:  &toolCall{"read_text_file", map[string]any{"path": "$DIR/big.txt"}, ""},
		na: map[feature]string{
			progress: noProgressTool, cancels: noSlowTool, cancelled: noSlowTool, closes: noSession,
		},
	},
	{
		name: "@playwright/mcp", implementation: "@playwright/mcp", pkg: "@playwright/mcp", bin: "playwright-mcp",
		args: []string{
			"--host", "127.0.0.1", "--port", "$PORT", "--allowed-hosts", "127.0.0.1:$PORT",
			"--executable-path", "$CHROMIUM", "--headless", "--no-sandbox", "--isolated",
		},
		protocol: "2025-11-25",
		echo:     &toolCall{"browser_evaluate", map[string]any{"function": "() => 'hello ü'"}, "hello ü"},
		big:      &toolCall{"browser_evaluate", map[string]any{"function": "() => 'x'.repeat(500000)"}, ""},
		wait: &toolCall{"browser_evaluate", map[string]any{
			"function": "() => { fetch('$STARTED', {mode: 'no-cors'}); return new Promise(done => setTimeout(done, 600_000)) }",
		}, ""},
		na: map[feature]string{progress: noProgressTool, cancelled: noSign},
	},
	{
		name: "@upstash/context7-mcp", implementation: "@upstash/context7-mcp", pkg: "@upstash/context7-mcp",
		bin: "context7-mcp", args: []string{"--transport", "http", "--port", "$PORT"}, protocol: "2026-07-28", stateless: true,
		// The tool requests a public service, which it cannot reach here; its result says so.
		echo: &toolCall{"resolve-library-id", map[string]any{"query": "x", "libraryName": "y"}, "Error searching libraries"},
		na: map[feature]string{
			progress: noProgressTool, big: "the tools need the internet", cancels: noSlowTool, cancelled: noSlowTool,
			closes: noSession,
		},
	},
}

// typescriptSDK1 is a server of version 1 of the TypeScript SDK, with sessions. pkg is the name of
// one of the installed versions.
func typescriptSDK1(pkg, protocol string) serverProgram {
	p := serverProgram{
		name: "TypeScript SDK", implementation: "TypeScript SDK", pkg: pkg,
		script: "typescript-sdk-1.mjs", args: []string{pkg}, protocol: protocol,
	}
	if pkg == "sdk110" {
		p.na = map[feature]string{progress: "this version does not pass the progress token to tools"}
	}
	return p
}

// Reasons of several programs.
const (
	noProgressTool = "no tool reports progress"
	noSlowTool     = "no tool runs long enough"
	noSign         = "the tool does not show whether it was cancelled"
	noCancellation = "the server passes no cancellation to the tool"
)
