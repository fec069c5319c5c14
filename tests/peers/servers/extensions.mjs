// A server of version 2 of the TypeScript SDK on Express. It shows the tool "chart" only to clients
// that declare the extension MCP Apps, and makes a task of each call of "start". The SDK itself
// checks that Mcp-Name mirrors the task ID in tasks/get.
import { createMcpExpressApp } from '@modelcontextprotocol/express';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, ProtocolError, Server } from '@modelcontextprotocol/server';
import { z } from 'zod';

const apps = 'io.modelcontextprotocol/ui';
const tasks = 'io.modelcontextprotocol/tasks';
const declared = (ctx, id) => ctx.mcpReq.envelope['io.modelcontextprotocol/clientCapabilities'].extensions?.[id];
const text = value => ({ content: [{ type: 'text', text: value }] });

function build() {
  const server = new Server({ name: 'extensions', version: '1.0.0' },
    { capabilities: { tools: {}, extensions: { [apps]: {}, [tasks]: {} } } });
  server.setRequestHandler('tools/list', (_, ctx) => {
    const list = [{ name: 'start', inputSchema: { type: 'object' } }];
    if (declared(ctx, apps)?.mimeTypes?.includes('text/html;profile=mcp-app')) {
      list.push({ name: 'chart', inputSchema: { type: 'object' }, _meta: { ui: { resourceUri: 'ui://chart', visibility: ['app'] } } });
    }
    return { tools: list };
  });
  server.setRequestHandler('tools/call', ({ params }) => params.name === 'start'
    ? { resultType: 'task', taskId: 'täsk 7', status: 'working', ttlMs: null } : text('a chart'));
  const shape = { params: z.looseObject({ taskId: z.string() }), result: z.looseObject({}) };
  server.setRequestHandler('tasks/get', shape, ({ taskId }, ctx) => {
    if (!declared(ctx, tasks)) {
      throw new ProtocolError(-32021, 'Missing required client capability',
        { requiredCapabilities: { extensions: { [tasks]: {} } } });
    }
    return { taskId, status: 'completed', result: text('task ' + taskId) };
  });
  return server;
}

const handler = toNodeHandler(createMcpHandler(build));
const app = createMcpExpressApp();
app.all('/mcp', (req, res) => handler(req, res, req.body));
app.listen(process.env.PORT, '127.0.0.1');
