// A third-party authorization server, oidc-provider, with the features that MCP requires.
// It runs on loopback for the tests and keeps all state in memory. The settings are JSON in
// the environment variable OIDC_SETTINGS:
//
//   port     port to listen on
//   clients  clients that are already registered
//   ttl      lifetime of access tokens in seconds
//   nonce    whether DPoP proofs require a nonce
//   opaque   whether access tokens are opaque instead of JWTs
//
// It prints "ready" when it accepts connections.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { port, clients = [], ttl = 3600, nonce = false, opaque = false } = JSON.parse(process.env.OIDC_SETTINGS);

const signingKey = (type, options, more) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  use: 'sig',
  ...more,
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  jwks: {
    keys: [
      signingKey('ec', { namedCurve: 'P-256' }, { kid: 'ec', alg: 'ES256' }),
      signingKey('rsa', { modulusLength: 2048 }, { kid: 'rsa', alg: 'RS256' }),
    ],
  },
  scopes: ['openid', 'offline_access', 'mcp:tools', 'mcp:admin'],
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: ttl, ClientCredentials: ttl, RefreshToken: 3600, Interaction: 600, Session: 600, Grant: 3600 },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: true }, // built-in pages for login and consent
    registration: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => nonce },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        audience: resource,
        scope: 'mcp:tools mcp:admin',
        ...(opaque ? { accessTokenFormat: 'opaque' } : { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
      }),
    },
  },
});

for (const event of ['server_error', 'grant.error', 'authorization.error', 'registration_create.error']) {
  provider.on(event, (_ctx, error) => console.error(event, error.error ?? error.message, error.error_description ?? ''));
}
for (const event of ['grant.success', 'registration_create.success', 'refresh_token.consumed', 'grant.revoked', 'access_token.issued', 'refresh_token.destroyed', 'access_token.destroyed']) {
  provider.on(event, (ctx) => console.log(event, ctx?.oidc?.params?.grant_type ?? ''));
}

provider.listen(port, '127.0.0.1', () => console.log('ready'));
