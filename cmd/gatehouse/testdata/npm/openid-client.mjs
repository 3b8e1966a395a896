// What npm's openid-client, certified by the OpenID Foundation, gets from a
// gatehouse dev, whose ready file the argument names. It says on a line of its
// own what went well, and ends with an exception where something did not.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as client from 'openid-client';
import { Person } from './person.mjs';

const { issuer, clients, user } = JSON.parse(readFileSync(process.argv[2]));
const redirect_uri = 'http://127.0.0.1:45678/callback';
const options = { execute: [client.allowInsecureRequests] };

const web = await client.discovery(new URL(issuer), clients.web.id, clients.web.secret, undefined, options);
const spa = await client.discovery(new URL(issuer), clients.spa.id, undefined, client.None(), options);
assert.equal(web.serverMetadata().authorization_response_iss_parameter_supported, true);
assert.ok(web.serverMetadata().supportsPKCE());
console.log('discovery');

async function signIn(config, person, extra = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri, scope: 'openid profile email', code_challenge_method: 'S256', state: checks.expectedState, nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), ...extra,
  });
  if (extra.max_age) checks.maxAge = Number(extra.max_age);
  const back = await person.authorize(url, user);
  return [await client.authorizationCodeGrant(config, back, checks), back, checks];
}

for (const [name, config] of [['code flow of a confidential client', web], ['code flow of a public client', spa]]) {
  const [tokens] = await signIn(config, new Person(issuer));
  const claims = tokens.claims();
  assert.equal(claims.email, user.email);
  assert.equal(claims.email_verified, true);
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.deepEqual([info.email, info.given_name, info.preferred_username], [user.email, user.first_name, user.username]);
  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(next.claims().sub, claims.sub);
  assert.equal(next.claims().auth_time, claims.auth_time);
  console.log(name);
}

const person = new Person(issuer);
await signIn(web, person);
const [offline] = await signIn(web, person, { scope: 'openid offline_access', prompt: 'consent' });
assert.equal(offline.scope, 'openid offline_access');
console.log('offline access');

await signIn(web, person, { max_age: '600' });
await signIn(web, person, { prompt: 'login' });
console.log('max_age and prompt');

await assert.rejects(signIn(web, new Person(issuer), { prompt: 'none' }), (e) => {
  assert.deepEqual([e.error, e.code], ['login_required', 'OAUTH_AUTHORIZATION_RESPONSE_ERROR'], `${e}`);
  return true;
});
const [, back, checks] = await signIn(web, person);
await assert.rejects(client.authorizationCodeGrant(web, back, checks), { error: 'invalid_grant' });
console.log('errors');

const [tokens] = await signIn(web, person);
const out = client.buildEndSessionUrl(web, { post_logout_redirect_uri: 'http://127.0.0.1:3000/', id_token_hint: tokens.id_token, state: 'x' });
const gone = await person.visit(out);
assert.equal(gone.at.href, 'http://127.0.0.1:3000/?state=x');
await assert.rejects(client.refreshTokenGrant(web, tokens.refresh_token), { error: 'invalid_grant' });
await client.refreshTokenGrant(web, offline.refresh_token);
console.log('logout');
