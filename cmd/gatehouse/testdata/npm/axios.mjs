// What the tutorial's frontend does with npm's axios at a gatehouse dev, whose
// ready file the first argument names; the second says how many calls the page
// makes at once. It says on a line of its own what went well, and ends with an
// exception where something did not.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import axios from 'axios';

const { issuer, api: base, clients: { tutorial }, user, providers } = JSON.parse(readFileSync(process.argv[2]));
const n = Number(process.argv[3]);
const client = { client_id: tutorial.id, client_secret: tutorial.secret };
const stored = {}; // localStorage
const refreshes = []; // of the interceptor: token sent, answer
let refused = 0; // calls that were answered 401
let allRefused; // the first refresh waits until n were, or the last would send its successor
let reload; // window.location.reload

process.on('uncaughtException', (e) => { // without what axios hangs to it
  console.error(e.stack, e.response?.status, e.response?.data);
  process.exit(1);
});

axios.defaults.proxy = false;
const api = axios.create({
  baseURL: `${base}/api-auth/`,
  timeout: 20000,
  headers: { 'Content-Type': 'application/json', accept: 'application/json' },
});
api.interceptors.request.use((config) => {
  if (stored.access_token) config.headers.Authorization = `Bearer ${stored.access_token}`;
  return config;
});

// This is deploy/demo/src/api.js without its browser: it has no lock, and
// swallows the 401 that it answers to.
api.interceptors.response.use((response) => response, async (error) => {
  if (error.response?.status !== 401 || error.response.statusText !== 'Unauthorized' || !stored.refresh_token) return Promise.reject(error);
  if (++refused === n) allRefused.resolve();
  await allRefused.promise;
  const sent = stored.refresh_token;
  axios.post(`${api.defaults.baseURL}token/`, { grant_type: 'refresh_token', refresh_token: sent, ...client }).then((answer) => {
    refreshes.push({ sent, ...answer.data });
    keep(answer.data);
    reload();
  });
});

function keep({ access_token, refresh_token }) {
  Object.assign(stored, { access_token, refresh_token });
}

async function fails(call, status, data) {
  await assert.rejects(call, ({ response }) => {
    assert.deepEqual([response.status, response.data], [status, data]);
    return true;
  });
}

const login = { grant_type: 'password', username: user.email, password: user.password, ...client };
for (const body of [login, new URLSearchParams(login)]) {
  keep((await api.post('token/', body, body === login ? {} : { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })).data);
}
await axios.postForm(`${base}/api-auth/token`, login).then(({ data }) => keep(data)); // multipart
assert.equal((await api.get('currentUser/')).data.email, user.email);
await fails(axios.post(`${base}/api-auth/token`, { ...login, password: 'wrong' }), 400,
  { error: 'invalid_grant', error_description: 'Invalid credentials given.' });
console.log('log in');

// The access token ends while the page shows; then it makes n calls at once.
await axios.post(`${issuer}/oauth2/revoke`, new URLSearchParams({ ...client, token: stored.access_token }));
const before = { ...stored };
allRefused = Promise.withResolvers();
const allRenewed = Promise.withResolvers();
reload = () => { if (refreshes.length === n) allRenewed.resolve(); };
const page = () => Promise.all(Array.from({ length: n }, () => api.get('currentUser/')));
assert.deepEqual(await page(), Array(n).fill(undefined)); // swallowed, each of them
await allRenewed.promise;
for (const { sent, access_token, refresh_token } of refreshes) {
  assert.equal(sent, before.refresh_token);
  assert.notEqual(access_token, before.access_token);
  assert.ok(refresh_token);
  const me = await axios.get(`${base}/api-auth/currentUser/`, { headers: { Authorization: `Bearer ${access_token}` } });
  assert.equal(me.data.email, user.email);
}
console.log(`${refreshes.length} refreshes of one token`);
assert.deepEqual((await page()).map(({ status, data }) => [status, data.email]), Array(n).fill([200, user.email]));
assert.equal(refreshes.length, n); // no more of them
console.log('still signed in');

const convert = { grant_type: 'convert_token', ...client };
for (const [provider, backend] of [['google', 'google-oauth2'], ['facebook', 'facebook']]) {
  const { data: minted } = await axios.post(`${providers[provider].url}/_dev/tokens`, { email: `${provider}.cara@gmail.com`, name: 'Cara Mia' });
  keep((await axios.post(`${base}/api-auth/convert-token/`, { ...convert, backend, token: minted.access_token })).data);
  assert.equal((await api.get('currentUser/')).data.first_name, 'Cara');
}
console.log('Google and Facebook');

delete stored.access_token;
const bo = { email: 'bo@example.com', username: 'bo', first_name: 'Bo', password: 'correct horse battery' };
const made = await api.post('create/', bo);
assert.equal(made.status, 201);
keep(made.data);
await fails(axios.post(`${base}/api-auth/create/`, bo), 400, { email: ['account with this email already exists.'] });
assert.ok((await api.get('all/')).data.some(({ email }) => email === bo.email));
console.log('sign up');

assert.equal((await api.post('invalidate-sessions/', client)).status, 204);
await fails(axios.post(`${base}/api-auth/token/`, { grant_type: 'refresh_token', refresh_token: stored.refresh_token, ...client }),
  400, { error: 'invalid_grant' });
console.log('log out everywhere');
