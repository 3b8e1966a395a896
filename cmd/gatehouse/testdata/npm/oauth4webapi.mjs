// What npm's oauth4webapi gets from a gatehouse dev, whose ready file the
// argument names. It says on a line of its own what went well, and ends with
// an exception where something did not.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as oauth from 'oauth4webapi';
import { Person, hidden } from './person.mjs';

const { issuer, api, clients, user, providers } = JSON.parse(readFileSync(process.argv[2]));
const loopback = { [oauth.allowInsecureRequests]: true };
const web = { client_id: clients.web.id };
const webAuth = oauth.ClientSecretBasic(clients.web.secret);
const password = { username: user.email, password: user.password };
const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';

const as = await oauth.processDiscoveryResponse(new URL(issuer),
  await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...loopback }));
assert.equal(as.token_endpoint, `${issuer}/oauth2/token`);
console.log('discovery');

async function generic(client, auth, grant, parameters) {
  return oauth.processGenericTokenEndpointResponse(as, client,
    await oauth.genericTokenEndpointRequest(as, client, auth, grant, parameters, loopback));
}

async function introspect(token) {
  const resource = { client_id: clients.resource.id };
  return oauth.processIntrospectionResponse(as, resource, await oauth.introspectionRequest(
    as, resource, oauth.ClientSecretBasic(clients.resource.secret), token, loopback));
}

async function challenged(call, scheme, error) {
  await assert.rejects(call, (e) => {
    assert.ok(e instanceof oauth.WWWAuthenticateChallengeError, `${e}`);
    assert.deepEqual([e.status, e.cause.map((c) => [c.scheme, c.parameters.error])], [401, [[scheme, error]]]);
    return true;
  });
}

async function me(token) {
  const answer = await oauth.protectedResourceRequest(token, 'GET', new URL(`${api}/accounts/me`), undefined, undefined, loopback);
  return (await answer.json()).email;
}

const first = await generic(web, webAuth, 'password', { ...password, scope: 'read' });
assert.equal(first.token_type, 'bearer'); // the library makes it lower case
assert.equal(first.scope, 'read');
assert.ok(first.expires_in > 0 && first.refresh_token);
assert.equal(await me(first.access_token), user.email);
console.log('password');

const spa = { client_id: clients.spa.id };
assert.equal(await me((await generic(spa, oauth.None(), 'password', password)).access_token), user.email);
console.log('password of a public client');

const second = await oauth.processRefreshTokenResponse(as, web,
  await oauth.refreshTokenGrantRequest(as, web, webAuth, first.refresh_token, loopback));
assert.notEqual(second.access_token, first.access_token);
assert.equal(await me(second.access_token), user.email);
console.log('refresh');

const service = { client_id: clients.service.id };
for (const auth of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
  const token = await oauth.processClientCredentialsResponse(as, service, await oauth.clientCredentialsGrantRequest(
    as, service, auth(clients.service.secret), { scope: 'read' }, loopback));
  assert.equal(token.scope, 'read');
  assert.equal(token.refresh_token, undefined); // RFC 6749 section 4.4.3
}
console.log('client credentials');

const minted = await (await fetch(`${providers.google.url}/_dev/tokens`, {
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"email":"ada@gmail.com","name":"Ada Lovelace"}',
})).json();
for (const kind of ['id_token', 'access_token']) {
  const token = await generic(web, webAuth, exchange, {
    subject_token: minted[kind], subject_token_type: `urn:ietf:params:oauth:token-type:${kind}`, subject_issuer: 'google',
  });
  assert.equal(token.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token');
  assert.equal(await me(token.access_token), 'ada@gmail.com');
}
console.log('token exchange');

const about = await introspect(second.access_token);
assert.equal(about.active, true);
assert.equal(about.client_id, web.client_id);
assert.equal(about.username, user.email);
assert.equal(about.scope, 'read');
assert.deepEqual(await introspect('unknown'), { active: false });
console.log('introspection');

assert.equal(await oauth.processRevocationResponse(
  await oauth.revocationRequest(as, web, webAuth, second.refresh_token, loopback)), undefined);
assert.deepEqual(await introspect(second.access_token), { active: false });
await challenged(me(second.access_token), 'bearer', 'invalid_token');
console.log('revocation');

// The code flow of OpenID Connect, with whatever the library can check of it.
const op = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), loopback));
const redirect_uri = 'http://127.0.0.1:45678/callback';

async function begin(client, more) {
  const verifier = oauth.generateRandomCodeVerifier();
  const checks = { verifier, state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() };
  const url = new URL(op.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: client.client_id, redirect_uri, response_type: 'code', scope: 'openid email', state: checks.state, nonce: checks.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more,
  });
  return [url, checks];
}

async function finish(client, auth, back, checks, maxAge) {
  const parameters = oauth.validateAuthResponse(op, client, back, checks.state); // and iss: the metadata says that it is there
  const answer = await oauth.authorizationCodeGrantRequest(op, client, auth, parameters, redirect_uri, checks.verifier, loopback);
  const tokens = await oauth.processAuthorizationCodeResponse(op, client, answer, { expectedNonce: checks.nonce, maxAge, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(op, answer, loopback);
  return [tokens, oauth.getValidatedIdTokenClaims(tokens)];
}

const person = new Person(issuer);
for (const [client, auth] of [[web, webAuth], [spa, oauth.None()]]) {
  const [url, checks] = await begin(client, { max_age: '600' });
  const [tokens, claims] = await finish(client, auth, await person.authorize(url, user), checks, 600);
  assert.deepEqual([claims.email, claims.amr], [user.email, ['pwd']]);
  const info = await oauth.processUserInfoResponse(op, client, claims.sub,
    await oauth.userInfoRequest(op, client, tokens.access_token, loopback));
  assert.equal(info.email, user.email);
}
console.log('code flow');

const [posted, checks] = await begin(web, { response_mode: 'form_post', prompt: 'none' });
const form = await person.visit(posted);
assert.ok(form.text.includes(`action="${redirect_uri}"`), form.text);
await finish(web, webAuth, new URLSearchParams(hidden(form)), checks);
console.log('form_post');

const [silent, silently] = await begin(web, { prompt: 'none' });
const stranger = await new Person(issuer).visit(silent);
assert.throws(() => oauth.validateAuthResponse(op, web, stranger.at, silently.state), (e) => {
  assert.ok(e instanceof oauth.AuthorizationResponseError, `${e}`);
  return e.error === 'login_required';
});
const elsewhere = (await person.visit(silent)).at;
assert.throws(() => oauth.validateAuthResponse({ ...op, issuer: 'https://id.example.com' }, web, elsewhere, silently.state), /"iss"/);
console.log('errors of the code flow');

// An error is one to the library as well, by the code that the RFC gives it.
async function refused(call, status, error) {
  await assert.rejects(call, (e) => {
    assert.ok(e instanceof oauth.ResponseBodyError, `${e}`);
    assert.deepEqual([e.status, e.error], [status, error]);
    return true;
  });
}
await refused(generic(web, webAuth, 'password', { ...password, password: 'wrong' }), 400, 'invalid_grant');
await refused(generic(web, webAuth, 'password', { ...password, scope: 'magic' }), 400, 'invalid_scope');
await refused(generic(service, oauth.ClientSecretPost(clients.service.secret), 'password', password), 400, 'unauthorized_client');
await refused(generic(web, webAuth, exchange, {
  subject_token: 'no JWT', subject_token_type: 'urn:ietf:params:oauth:token-type:id_token', subject_issuer: 'google',
}), 400, 'invalid_request');
await refused(oauth.refreshTokenGrantRequest(as, web, webAuth, second.refresh_token, loopback)
  .then((answer) => oauth.processRefreshTokenResponse(as, web, answer)), 400, 'invalid_grant');
for (const auth of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) { // invalid_client, which comes with a challenge
  await challenged(generic(web, auth('a guess'), 'password', password), 'basic');
}
console.log('errors');
