// A server of @hono/mcp, as its README shows it.
import { serve } from '@hono/node-server';
import { StreamableHTTPTransport } from '@hono/mcp';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { Hono } from 'hono';
import { z } from 'zod';
import { addTools } from './tools.mjs';

const mcpServer = addTools(new McpServer({ name: 'hono', version: '1.0.0' }), z);
const transport = new StreamableHTTPTransport();
const app = new Hono();
app.all('/mcp', async c => {
  if (!mcpServer.isConnected()) {
    await mcpServer.connect(transport);
  }
  return transport.handleRequest(c);
});
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' });
