// A server of fastify-mcp, as its README shows it. With an argument it has sessions.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { fastify } from 'fastify';
import { Sessions, streamableHttp } from 'fastify-mcp';
import { z } from 'zod';
import { addTools } from './tools.mjs';

const app = fastify();
app.register(streamableHttp, {
  stateful: process.argv.length > 2,
  mcpEndpoint: '/mcp',
  sessions: new Sessions(),
  createServer: () => addTools(new McpServer({ name: 'fastify-mcp', version: '1.0.0' }), z).server,
});
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
