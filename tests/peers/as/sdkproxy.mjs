// An authorization server of the TypeScript SDK that passes everything on to another one: mcpAuthRouter
// with ProxyOAuthServerProvider, as servers use it in front of a login service that lacks what MCP
// requires. The settings are environment variables:
//
//   PORT      port to listen on
//   UPSTREAM  issuer of the other server, which has an OpenID document
//   CLIENT    client ID at the other server
//   REDIRECT  redirect URI of the client
//   SCOPES    scopes to announce, separated by spaces
//
// It prints "ready" when it accepts connections.
import express from 'express';
import { ProxyOAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/providers/proxyProvider.js';
import { mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';

const { PORT, UPSTREAM, CLIENT, REDIRECT, SCOPES } = process.env;
const upstream = await (await fetch(new URL('.well-known/openid-configuration', UPSTREAM))).json();

const provider = new ProxyOAuthServerProvider({
  endpoints: {
    authorizationUrl: upstream.authorization_endpoint,
    tokenUrl: upstream.token_endpoint,
    revocationUrl: upstream.revocation_endpoint,
  },
  getClient: async (id) => (id === CLIENT ? { client_id: CLIENT, redirect_uris: [REDIRECT] } : undefined),
  verifyAccessToken: async () => {
    throw new Error('the resource asks the other server');
  },
});

const app = express();
app.use(mcpAuthRouter({ provider, issuerUrl: new URL(`http://127.0.0.1:${PORT}`), scopesSupported: SCOPES.split(' ') }));
app.listen(Number(PORT), '127.0.0.1', () => console.log('ready'));
