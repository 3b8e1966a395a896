// An OpenID provider that nobody of ours wrote: npm's oidc-provider, on a free
// port of 127.0.0.1. It writes its issuer on one line and ends with its stdin.
//
// Anybody may sign in, with any password: the login is the subject. Its
// clients, all with the secret that UPSTREAM_SECRET holds:
//
//   web       ID tokens by RS256; may refresh
//   mobile    ID tokens by ES256
//   stranger  the app of somebody else
//   pages     a gatehouse dev on any port, which knows us as corp; so does
//   pages-es  whose ID tokens are by ES256
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

console.info = console.error; // stdout is for the issuer

function client(id, alg, more) {
  return {
    client_id: id,
    client_secret: process.env.UPSTREAM_SECRET,
    redirect_uris: ['https://app.example.com/callback'],
    ...more,
    grant_types: ['authorization_code', 'refresh_token'],
    id_token_signed_response_alg: alg,
  };
}

function key(kind, options, kid) {
  return { ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), kid, use: 'sig' };
}

// findAccount makes up the person that a login stands for. Whose login begins
// with "unproven" has not shown that the address is theirs.
async function findAccount(ctx, login) {
  return {
    accountId: login,
    claims: async () => ({
      sub: login,
      email: `${login}@example.com`,
      email_verified: !login.startsWith('unproven'),
      name: 'Ada King Lovelace',
      given_name: 'Ada',
      family_name: 'Lovelace',
      preferred_username: `the.${login}`,
    }),
  };
}

// Of an app on the user's device any port of 127.0.0.1 is as good as another.
const anyPort = { application_type: 'native', redirect_uris: ['http://127.0.0.1/signin/corp/callback'] };

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [client('web', 'RS256'), client('mobile', 'ES256'), client('stranger', 'RS256'),
      client('pages', 'RS256', anyPort), client('pages-es', 'ES256', anyPort)],
    jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'r'), key('ec', { namedCurve: 'P-256' }, 'e')] },
    scopes: ['openid', 'offline_access'],
    claims: {
      email: ['email', 'email_verified'],
      profile: ['name', 'given_name', 'family_name', 'preferred_username'],
    },
    conformIdTokenClaims: false, // the claims of the scopes stand in the ID token too
    cookies: { keys: ['not a secret'] },
    features: { devInteractions: { enabled: true }, introspection: { enabled: true } },
    findAccount,
    pkce: { required: () => true },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});

process.stdin.resume().on('end', () => process.exit());
