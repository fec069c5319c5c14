// A server of fastmcp with its HTTP stream.
import { FastMCP } from 'fastmcp';
import { z } from 'zod';
import { bigText, reportSteps, waitFor } from './tools.mjs';

const server = new FastMCP({ name: 'fastmcp', version: '1.0.0' });
const add = (name, shape, execute) =>
  server.addTool({ name, description: name, parameters: z.object(shape), execute });
add('echo', { text: z.string() }, async ({ text }) => text);
add('big', { size: z.number() }, async ({ size }) => bigText(size));
add('wait', { ms: z.number() }, async ({ ms }, { signal }) => waitFor(ms, signal));
add('progress', { steps: z.number() }, async ({ steps }, { reportProgress }) =>
  reportSteps(steps, (progress, total) => reportProgress({ progress, total })));
await server.start({
  transportType: 'httpStream',
  httpStream: { port: Number(process.env.PORT), host: '127.0.0.1' },
});
