// A server of version 2 of the TypeScript SDK on Express, with the handler for both eras.
import { createMcpExpressApp } from '@modelcontextprotocol/express';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { registerTools } from './tools.mjs';

const handler = toNodeHandler(createMcpHandler(
  () => registerTools(new McpServer({ name: 'typescript-sdk-2', version: '1.0.0' }), z)));
const app = createMcpExpressApp();
app.all('/mcp', (req, res) => handler(req, res, req.body));
app.listen(process.env.PORT, '127.0.0.1');
