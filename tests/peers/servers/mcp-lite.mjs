// A server of mcp-lite on Hono, as its README shows it. With an argument it has sessions.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { InMemoryClientRequestAdapter, InMemorySessionAdapter, McpServer, StreamableHttpTransport } from 'mcp-lite';
import { z } from 'zod';
import { bigText, reportSteps, waitFor } from './tools.mjs';

const mcp = new McpServer({ name: 'mcp-lite', version: '1.0.0', schemaAdapter: schema => z.toJSONSchema(schema) });
const text = value => ({ content: [{ type: 'text', text: value }] });
const add = (name, shape, handler) =>
  mcp.tool(name, { description: name, inputSchema: z.object(shape), handler });
add('echo', { text: z.string() }, args => text(args.text));
add('big', { size: z.number() }, ({ size }) => text(bigText(size)));
add('wait', { ms: z.number() }, async ({ ms }) => text(await waitFor(ms)));
add('progress', { steps: z.number() }, async ({ steps }, ctx) =>
  text(await reportSteps(steps, (progress, total) => ctx.progress?.({ progress, total }))));

const transport = process.argv.length > 2
  ? new StreamableHttpTransport({
    sessionAdapter: new InMemorySessionAdapter({ maxEventBufferSize: 1024 }),
    clientRequestAdapter: new InMemoryClientRequestAdapter({ defaultTimeoutMs: 30000 }),
  })
  : new StreamableHttpTransport();
const httpHandler = transport.bind(mcp);
const app = new Hono();
app.all('/mcp', c => httpHandler(c.req.raw));
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' });
