// A server of tmcp on node:http, as its README shows it.
import { createServer } from 'node:http';
import { createRequestListener } from '@remix-run/node-fetch-server';
import { ZodJsonSchemaAdapter } from '@tmcp/adapter-zod';
import { HttpTransport } from '@tmcp/transport-http';
import { McpServer } from 'tmcp';
import { z } from 'zod';
import { bigText, reportSteps, waitFor } from './tools.mjs';

const server = new McpServer(
  { name: 'tmcp', version: '1.0.0', description: 'tmcp' },
  { adapter: new ZodJsonSchemaAdapter(), capabilities: { tools: { listChanged: true } } },
);
const text = value => ({ content: [{ type: 'text', text: value }] });
const add = (name, shape, call) => server.tool({ name, description: name, schema: z.object(shape) }, call);
add('echo', { text: z.string() }, async args => text(args.text));
add('big', { size: z.number() }, async ({ size }) => text(bigText(size)));
add('wait', { ms: z.number() }, async ({ ms }) => text(await waitFor(ms, server.ctx.signal)));
add('progress', { steps: z.number() }, async ({ steps }) =>
  text(await reportSteps(steps, (progress, total) => server.progress(progress, total))));

const transport = new HttpTransport(server, { path: '/mcp' });
createServer(createRequestListener(async request =>
  await transport.respond(request) ?? new Response(null, { status: 404 }),
)).listen(Number(process.env.PORT), '127.0.0.1');
