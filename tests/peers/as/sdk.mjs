// The demo authorization server of the TypeScript SDK: its mcpAuthRouter with its in-memory provider.
// It takes the port from the environment variable PORT and accepts only the resource RESOURCE. It
// listens on every address, because the demo does. It prints "listening on port" when it is ready.
import { setupAuthServer } from '@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js';

setupAuthServer({
  authServerUrl: new URL(`http://127.0.0.1:${process.env.PORT}`),
  mcpServerUrl: new URL(process.env.RESOURCE),
  strictResource: true,
});
