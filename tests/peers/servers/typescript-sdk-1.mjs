// A server of version 1 of the TypeScript SDK, with sessions, as its README shows it ("With Session
// Management"); with a second argument, as shown for servers without sessions. The first argument
// is the name of the package, since several versions are installed.
import { randomUUID } from 'node:crypto';
import express from 'express';
import { z } from 'zod/v3';
import { addTools } from './tools.mjs';

const [pkg, stateless] = process.argv.slice(2);
const { McpServer } = await import(`${pkg}/server/mcp.js`);
const { StreamableHTTPServerTransport } = await import(`${pkg}/server/streamableHttp.js`);
const { isInitializeRequest } = await import(`${pkg}/types.js`);

const newServer = () => addTools(new McpServer({ name: 'typescript-sdk-1', version: '1.0.0' }), z);
const app = express();
app.use(express.json());

if (stateless) {
  app.post('/mcp', async (req, res) => {
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    res.on('close', () => transport.close());
    await newServer().connect(transport);
    await transport.handleRequest(req, res, req.body);
  });
} else {
  const transports = {};

  app.post('/mcp', async (req, res) => {
    const sessionId = req.headers['mcp-session-id'];
    let transport;
    if (sessionId && transports[sessionId]) {
      transport = transports[sessionId];
    } else if (!sessionId && isInitializeRequest(req.body)) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: id => { transports[id] = transport; },
      });
      transport.onclose = () => { delete transports[transport.sessionId]; };
      await newServer().connect(transport);
    } else {
      res.status(400).json({
        jsonrpc: '2.0',
        error: { code: -32000, message: 'Bad Request: No valid session ID provided' },
        id: null,
      });
      return;
    }
    await transport.handleRequest(req, res, req.body);
  });

  const handleSessionRequest = async (req, res) => {
    const sessionId = req.headers['mcp-session-id'];
    if (!sessionId || !transports[sessionId]) {
      res.status(400).send('Invalid or missing session ID');
      return;
    }
    await transports[sessionId].handleRequest(req, res);
  };
  app.get('/mcp', handleSessionRequest);
  app.delete('/mcp', handleSessionRequest);
}

app.listen(process.env.PORT, '127.0.0.1');
