// A server of mcp-handler on Hono, which its README names among the frameworks that fit.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createMcpHandler } from 'mcp-handler';
import { z } from 'zod';
import { registerTools } from './tools.mjs';

const handler = createMcpHandler(server => { registerTools(server, z); });
const app = new Hono();
app.all('/mcp', c => handler(c.req.raw));
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' });
