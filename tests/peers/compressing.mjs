// A server of the TypeScript SDK, with sessions, behind the compression middleware of express. At
// /mcp the middleware compresses what the client accepts, and holds back the events of a compressed
// stream until its buffer is full, as it does by default. At /always it compresses every response
// in gzip, whatever the client accepts, and flushes each event. At /always/json it does so with
// responses in JSON. The port is in the environment variable PORT.
import { randomUUID } from 'node:crypto';
import compression from 'compression';
import express from 'express';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

const text = text => ({ content: [{ type: 'text', text }] });
const releases = new Map(); // by session ID

const newServer = () => {
  const server = new McpServer({ name: 'compressing', version: '1.0.0' });
  // Sends a progress notification, and returns when "release" is called in the same session.
  server.registerTool('wait', {}, async extra => {
    const released = new Promise(resolve => releases.set(extra.sessionId, resolve));
    const progressToken = extra._meta?.progressToken;
    if (progressToken !== undefined) {
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress: 1, total: 2 } });
    }
    await released;
    return text('released');
  });
  server.registerTool('release', {}, async extra => {
    releases.get(extra.sessionId)();
    return text('ok');
  });
  server.registerTool('big', {}, async () => text(Array.from({ length: 20_000 }, (_, i) => `${i} ü`).join('\n')));
  return server;
};

const transports = new Map(); // by session ID
const serve = enableJsonResponse => async (req, res) => {
  let transport = transports.get(req.headers['mcp-session-id']);
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      enableJsonResponse,
      onsessioninitialized: id => { transports.set(id, transport); },
    });
    await newServer().connect(transport);
  }
  await transport.handleRequest(req, res, req.body);
};

const always = (req, res, next) => {
  req.headers['accept-encoding'] = 'gzip';
  next();
};
// The SDK forbids transformations of its streams. Many proxies compress them nevertheless.
const transformable = (req, res, next) => {
  const writeHead = res.writeHead;
  res.writeHead = (status, headers) => writeHead.call(res, status, { ...headers, 'cache-control': 'no-cache' });
  next();
};
const flushed = (req, res, next) => {
  const write = res.write;
  res.write = (...args) => {
    const more = write.apply(res, args);
    res.flush();
    return more;
  };
  next();
};

const app = express();
app.use(express.json());
app.use('/always', always);
app.use(compression({ threshold: 0 }), transformable);
app.all('/mcp', serve(false));
app.all('/always/json', serve(true));
app.all('/always', flushed, serve(false));
app.listen(process.env.PORT, '127.0.0.1');
