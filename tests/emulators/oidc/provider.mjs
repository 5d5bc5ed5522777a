// A real OpenID Connect provider, oidc-provider, with people and clients that the tests set while it runs.
//
// Everybody who comes is signed in at once, as the person that the tests chose: there are no pages to fill in. The tests
// speak with it at /test, in JSON. It listens on a free port of this machine and prints its address.

import { once } from 'node:events';
import http from 'node:http';

import Provider, { errors } from 'oidc-provider';

const state = { people: {}, signedIn: null, clients: {}, log: [] };

class Memory {
  static all = new Map();
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload, expiresIn) {
    Memory.all.set(this.key(id), { payload, until: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
  }
  async find(id) {
    if (this.model === 'Client') return state.clients[id];
    const found = Memory.all.get(this.key(id));
    return found && found.until > Date.now() ? found.payload : undefined;
  }
  async findByUid(uid) {
    for (const [key, { payload }] of Memory.all) if (key.startsWith(`${this.model}:`) && payload.uid === uid) return payload;
  }
  async findByUserCode() { return undefined; }
  async destroy(id) { Memory.all.delete(this.key(id)); }
  async consume(id) { Memory.all.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000); }
  async revokeByGrantId(grantId) {
    for (const [key, { payload }] of Memory.all) if (payload.grantId === grantId) Memory.all.delete(key);
  }
}

const server = http.createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  adapter: Memory,
  clients: [],
  scopes: ['openid', 'profile', 'email', 'offline_access', 'company'],
  claims: {
    openid: ['sub'],
    profile: ['preferred_username', 'name', 'roles', 'realm_access'],
    email: ['email'],
    company: ['groups'],
  },
  // As many providers do: what the scopes ask for is at the userinfo endpoint only, unless the tests say otherwise.
  conformIdTokenClaims: process.argv[2] === 'userinfo',
  cookies: { keys: ['tests only'] },
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
  findAccount: async (_, id) => (state.people[id] ? { accountId: id, claims: async () => ({ sub: id, ...state.people[id] }) } : undefined),
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  // It would not speak with a service on this machine otherwise: that is how providers guard themselves.
  fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: async (ctx, form) => {
        ctx.body = `<!doctype html>${form}<script>document.forms[0].submit()</script>`;
      },
    },
  },
  renderError: async (ctx, out) => { ctx.type = 'json'; ctx.body = out; },
});
for (const event of ['grant.error', 'authorization.error', 'server_error', 'backchannel.error', 'end_session.error', 'userinfo.error', 'discovery.error', 'jwks.error'])
  provider.on(event, (...all) => {
    const error = all.find((each) => each instanceof Error);
    state.log.push(`${event}: ${error?.message} ${error?.error_detail ?? ''} ${error?.error_description ?? ''}`);
  });
for (const event of ['backchannel.success', 'grant.success', 'end_session.success']) provider.on(event, () => state.log.push(event));

// The pages of sign-in and consent: everybody is the person whom the tests chose, and agrees to everything.
async function interact(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    if (!state.signedIn) {
      await provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'Nobody is here.' });
      return;
    }
    await provider.interactionFinished(request, response, { login: { accountId: state.signedIn } });
    return;
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid profile email offline_access company');
  const grantId = await grant.save();
  await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

async function test(request, response) {
  let body = '';
  for await (const chunk of request) body += chunk;
  Object.assign(state, body ? JSON.parse(body) : {});
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ log: state.log }));
}

const callback = provider.callback();
server.on('request', (request, response) => {
  const handle = request.url.startsWith('/interaction/') ? interact : request.url === '/test' ? test : callback;
  Promise.resolve(handle(request, response)).catch((error) => {
    state.log.push(`unexpected: ${error.stack}`);
    response.statusCode = 500;
    response.end(error instanceof errors.OIDCProviderError ? error.error : 'unexpected');
  });
});
console.log(`Listening on ${issuer}`);
