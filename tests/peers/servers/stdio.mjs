// A stdio server of version 1 of the TypeScript SDK, for the programs that put such servers on HTTP.
// What it prints on stdout is the protocol, so the lines of its tools go to stderr.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';
import { addTools } from './tools.mjs';

console.log = console.error;
await addTools(new McpServer({ name: 'stdio', version: '1.0.0' }), z).connect(new StdioServerTransport());
// supergateway starts this program in a process group of its own, so a test that kills supergateway
// only closes stdin.
process.stdin.on('end', () => process.exit());
