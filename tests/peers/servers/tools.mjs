// The tools of the servers that use a framework: see README.md.

// bigText, waitFor and reportSteps are what the tools do, for frameworks with their own way to define
// them.
export const bigText = size => 'x'.repeat(size);

// Each step of progress takes a moment: some servers lose the progress that a tool reports right
// before its result.
const stepTime = 20; // ms
export async function reportSteps(steps, report) {
  for (let step = 1; step <= steps; step++) {
    await report(step, steps);
    await new Promise(resolve => setTimeout(resolve, stepTime));
  }
  return 'done';
}

export async function waitFor(ms, signal) {
  console.log('started wait');
  await new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      console.log('cancelled wait');
      clearTimeout(timer);
      resolve();
    });
  });
  return 'waited';
}

const text = value => ({ content: [{ type: 'text', text: value }] });

// addTools adds the tools to an McpServer of version 1 of the TypeScript SDK. z is Zod.
export function addTools(server, z) {
  server.tool('echo', { text: z.string() }, async args => text(args.text));
  server.tool('big', { size: z.number() }, async ({ size }) => text(bigText(size)));
  server.tool('wait', { ms: z.number() }, async ({ ms }, extra) => text(await waitFor(ms, extra.signal)));
  server.tool('progress', { steps: z.number() }, async ({ steps }, extra) => {
    const progressToken = extra._meta?.progressToken;
    return text(await reportSteps(progressToken === undefined ? 0 : steps, (progress, total) =>
      extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total } })));
  });
  return server;
}

// registerTools adds the tools to an McpServer of version 2 of the TypeScript SDK.
export function registerTools(server, z) {
  const register = (name, shape, call) => server.registerTool(name, { inputSchema: z.object(shape) }, call);
  register('echo', { text: z.string() }, async args => text(args.text));
  register('big', { size: z.number() }, async ({ size }) => text(bigText(size)));
  register('wait', { ms: z.number() }, async ({ ms }, ctx) => text(await waitFor(ms, ctx.mcpReq.signal)));
  register('progress', { steps: z.number() }, async ({ steps }, ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    return text(await reportSteps(progressToken === undefined ? 0 : steps, (progress, total) =>
      ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total } })));
  });
  return server;
}
