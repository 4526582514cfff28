// People who come from another provider, through the official client: a certified one, over TLS.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { test } from "node:test";
import { client, keys, memory, ok, refused, unique } from "./client.mjs";

const issuer = process.env.OIDC_ISSUER;
const ca = readFileSync(process.env.OIDC_CERTIFICATE);
const page = "http://localhost:3000/welcome";
const account = (email, verified = true) => `${email.split("@")[0]}|${email}|${verified}`;

/** One request of a browser that trusts the provider. */
const visited = (target, cookie) =>
  new Promise((resolve, reject) => {
    const sent = request(target, { ca, headers: { cookie } }, (answer) => resolve((answer.resume(), answer)));
    sent.on("error", reject).end();
  });

/** Follow the provider's redirects until they leave it; where to. */
async function through(target) {
  const cookies = new Map();
  for (let turn = 0; turn < 12; turn += 1) {
    const { statusCode, headers } = await visited(target, [...cookies].map((pair) => pair.join("=")).join("; "));
    for (const set of headers["set-cookie"] ?? []) cookies.set(...set.split(";")[0].split(/=(.*)/s, 2));
    assert.ok(statusCode >= 300 && statusCode < 400, `${statusCode} at ${target}`);
    target = new URL(headers.location, target).href;
    if (!target.startsWith(issuer)) return target;
  }
  throw new Error("the provider redirects for ever");
}

async function redirected(from) {
  const answer = await fetch(from, { redirect: "manual" });
  assert.equal(answer.status, 302, await answer.text());
  return answer.headers.get("location");
}

/** To our server, to the provider, back, and to the application: where it is called. */
async function landed(start) {
  return new URL(await redirected(await through(await redirected(start))));
}

const options = (who, more = {}) => ({ skipBrowserRedirect: true, redirectTo: page, queryParams: { login_hint: who }, ...more });
const pkce = () => client(keys.publishable, { flowType: "pkce", persistSession: true, storage: memory() });

test("signing in with PKCE, and the provider's token comes along", async () => {
  const [app, email] = [pkce(), unique("js-ada")];
  const { url: start } = await ok(app.auth.signInWithOAuth({ provider: "google", options: options(account(email)) }));
  const target = await landed(start);
  assert.equal(target.origin + target.pathname, page);
  assert.equal(target.hash, "");
  const { user, session } = await ok(app.auth.exchangeCodeForSession(target.searchParams.get("code")));
  assert.equal(user.email, email);
  assert.ok(session.provider_token);
  assert.deepEqual(user.app_metadata, { provider: "google", providers: ["google"] });
  const again = await refused(app.auth.exchangeCodeForSession(target.searchParams.get("code")));
  assert.ok(again.name || again.code);
});

test("signing in without PKCE finds the account again", async () => {
  const [app, email] = [client(keys.publishable), unique("js-bob")];
  const ids = [];
  for (let turn = 0; turn < 2; turn += 1) {
    const { url: start } = await ok(app.auth.signInWithOAuth({ provider: "google", options: options(account(email)) }));
    const told = new URLSearchParams((await landed(start)).hash.slice(1));
    assert.ok(told.get("provider_token"));
    const { user } = await ok(app.auth.setSession({ access_token: told.get("access_token"), refresh_token: told.get("refresh_token") }));
    ids.push(user.id);
  }
  assert.equal(ids[0], ids[1]);
  const { claims } = await ok(app.auth.getClaims());
  assert.deepEqual(claims.amr.map((entry) => entry.method), ["oauth"]);
});

test("a guest links an identity and is a guest no longer", async () => {
  const app = client(keys.publishable);
  const { user: guest } = await ok(app.auth.signInAnonymously());
  const email = unique("js-guest");
  const { url: start } = await ok(app.auth.linkIdentity({ provider: "google", options: options(account(email)) }));
  const target = new URL(await redirected(await through(start)));
  assert.equal(target.origin + target.pathname, page);
  const told = new URLSearchParams(target.hash.slice(1));
  const { user } = await ok(app.auth.getUser(told.get("access_token")));
  assert.deepEqual([user.id, user.email, user.is_anonymous], [guest.id, email, false]);
  const { identities } = await ok(app.auth.getUserIdentities());
  assert.deepEqual(identities.map((one) => one.provider), ["google"]);
});

test("a provider that an administrator added serves at once, and is gone at once", async () => {
  const identifier = "custom:house-js";
  const providers = client(keys.secret).auth.admin.customProviders;
  const made = await ok(
    providers.createProvider({
      provider_type: "oidc", identifier, name: "House", client_id: "keyturn",
      client_secret: "a-secret-of-the-test-provider", issuer, scopes: ["openid", "email", "profile"],
    }),
  );
  assert.equal(made.client_secret, undefined);
  const [app, email] = [pkce(), unique("js-house")];
  const { url: start } = await ok(app.auth.signInWithOAuth({ provider: identifier, options: options(account(email)) }));
  const target = await landed(start);
  const { user } = await ok(app.auth.exchangeCodeForSession(target.searchParams.get("code")));
  assert.equal(user.email, email);
  assert.deepEqual(user.app_metadata, { provider: identifier, providers: [identifier] });
  await ok(providers.deleteProvider(identifier));
  const { url: later } = await ok(app.auth.signInWithOAuth({ provider: identifier, options: options(account(email)) }));
  assert.equal((await fetch(later, { redirect: "manual" })).status, 400);
});

test("an address that the provider has not verified takes over nothing", async () => {
  const email = unique("js-carol");
  const { user: owner } = await ok(client(keys.secret).auth.admin.createUser({ email, email_confirm: true }));
  const app = client(keys.publishable);
  const { url: start } = await ok(app.auth.signInWithOAuth({ provider: "google", options: options(account(email, false)) }));
  const told = new URLSearchParams((await landed(start)).hash.slice(1));
  if (told.has("access_token")) {
    const { user } = await ok(app.auth.getUser(told.get("access_token")));
    assert.notEqual(user.id, owner.id);
  } else {
    assert.equal(told.get("error_code"), "provider_email_needs_verification");
  }
  const { user } = await ok(client(keys.secret).auth.admin.getUserById(owner.id));
  assert.deepEqual(user.identities.map((one) => one.provider), ["email"]);
});

test("an address is not sent anywhere but to the application", async () => {
  const app = client(keys.publishable);
  const asked = options(account(unique("js-evil")), { redirectTo: "https://evil.example/" });
  const { url: start } = await ok(app.auth.signInWithOAuth({ provider: "google", options: asked }));
  const target = await landed(start);
  assert.notEqual(target.hostname, "evil.example");
});
