// A server of mcp-use.
import { MCPServer } from 'mcp-use';
import { z } from 'zod';
import { bigText, reportSteps, waitFor } from './tools.mjs';

const server = new MCPServer({ name: 'mcp-use', version: '1.0.0' });
const text = value => ({ content: [{ type: 'text', text: value }] });
const add = (name, shape, call) => server.tool({ name, description: name, inputSchema: z.object(shape) }, call);
add('echo', { text: z.string() }, async args => text(args.text));
add('big', { size: z.number() }, async ({ size }) => text(bigText(size)));
add('wait', { ms: z.number() }, async ({ ms }, ctx) => text(await waitFor(ms, ctx.signal)));
add('progress', { steps: z.number() }, async ({ steps }, ctx) =>
  text(await reportSteps(steps, (progress, total) => ctx.reportProgress(progress, total))));
await server.listen(Number(process.env.PORT));
