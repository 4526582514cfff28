// What the other scenarios leave: phones, identities, the OAuth server, and parts that are off.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { client, keys, ok, refused, unique, url } from "./client.mjs";

const password = crypto.randomUUID();
const CODE = "123456"; // of GOTRUE_SMS_TEST_OTP

async function signedUp(name) {
  const app = client(keys.publishable);
  const email = unique(name);
  const { user, session } = await ok(app.auth.signUp({ email, password }));
  return { app, email, user, session };
}

test("a phone signs in with a code", async () => {
  const app = client(keys.publishable);
  await ok(app.auth.signInWithOtp({ phone: "+15550000001", options: { data: { name: "Ada" } } }));
  assert.equal((await refused(app.auth.verifyOtp({ phone: "+15550000001", token: "000000", type: "sms" }))).code, "otp_expired");
  await ok(app.auth.signInWithOtp({ phone: "+15550000001" }));
  const { user } = await ok(app.auth.verifyOtp({ phone: "+15550000001", token: CODE, type: "sms" }));
  assert.equal(user.phone, "15550000001");
  assert.deepEqual(user.app_metadata, { provider: "phone", providers: ["phone"] });
  assert.ok(user.phone_confirmed_at);
});

test("a number is added and confirmed, and is then an identity", async () => {
  const { app } = await signedUp("number");
  const { user } = await ok(app.auth.updateUser({ phone: "+15550000002" }));
  assert.equal(user.new_phone, "15550000002");
  await ok(app.auth.resend({ type: "phone_change", phone: "+15550000002" }));
  await ok(app.auth.verifyOtp({ phone: "+15550000002", token: CODE, type: "phone_change" }));
  const { identities } = await ok(app.auth.getUserIdentities());
  assert.deepEqual(identities.map((one) => one.provider).sort(), ["email", "phone"]);
  await ok(app.auth.unlinkIdentity(identities.find((one) => one.provider === "phone")));
  const left = await ok(app.auth.getUserIdentities());
  assert.deepEqual(left.identities.map((one) => one.provider), ["email"]);
  assert.equal((await refused(app.auth.unlinkIdentity(left.identities[0]))).code, "single_identity_not_deletable");
});

test("an application gets in through the OAuth server", async () => {
  const admin = client(keys.secret).auth.admin;
  const { app, user } = await signedUp("owner");
  const redirect = "https://app.example.com/callback";
  const made = await ok(admin.oauth.createClient({ client_name: "Calendar", redirect_uris: [redirect] }));
  assert.ok(made.client_secret);
  assert.ok((await ok(admin.oauth.listClients())).clients.some((one) => one.client_id === made.client_id));
  assert.equal((await ok(admin.oauth.updateClient(made.client_id, { client_name: "Diary" }))).client_name, "Diary");
  const fresh = await ok(admin.oauth.regenerateClientSecret(made.client_id));
  assert.notEqual(fresh.client_secret, made.client_secret);
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    client_id: made.client_id, redirect_uri: redirect, response_type: "code", scope: "openid email", state: "s",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256",
  });
  const asked = await fetch(`${url}/auth/v1/oauth/authorize?${query}`, { redirect: "manual" });
  assert.equal(asked.status, 302);
  const id = new URL(asked.headers.get("location")).searchParams.get("authorization_id");
  assert.ok(id, asked.headers.get("location"));
  const details = await ok(app.auth.oauth.getAuthorizationDetails(id));
  assert.deepEqual([details.client.name, details.scope, details.user.id], ["Diary", "openid email", user.id]);
  const approved = await ok(app.auth.oauth.approveAuthorization(id, { skipBrowserRedirect: true }));
  const back = new URL(approved.redirect_url ?? approved.redirect_to);
  assert.equal(back.searchParams.get("state"), "s");
  const answer = await fetch(`${url}/auth/v1/oauth/token`, {
    method: "POST",
    headers: { Authorization: `Basic ${Buffer.from(`${made.client_id}:${fresh.client_secret}`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "authorization_code", code: back.searchParams.get("code"), redirect_uri: redirect, code_verifier: verifier }),
  });
  const tokens = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(tokens));
  assert.equal(JSON.parse(Buffer.from(tokens.id_token.split(".")[1], "base64url")).aud, made.client_id);
  const grants = await ok(app.auth.oauth.listGrants());
  assert.deepEqual(grants.map((one) => one.client.id), [made.client_id]);
  await ok(app.auth.oauth.revokeGrant({ clientId: made.client_id }));
  assert.deepEqual(await ok(app.auth.oauth.listGrants()), []);
  await ok(admin.oauth.deleteClient(made.client_id));
});

test("custom providers come and go", async () => {
  const providers = client(keys.secret).auth.admin.customProviders;
  const row = { provider_type: "oauth2", identifier: "custom:house", name: "House", client_id: "x", client_secret: "y" };
  const at = (path) => `https://house.example.com/${path}`;
  const made = await ok(providers.createProvider({ ...row, authorization_url: at("authorize"), token_url: at("token"), userinfo_url: at("me") }));
  assert.equal(made.identifier, "custom:house");
  assert.equal(made.client_secret, undefined);
  assert.ok((await ok(providers.listProviders())).providers.some((one) => one.identifier === "custom:house"));
  assert.equal((await ok(providers.updateProvider("custom:house", { name: "Home" }))).name, "Home");
  const { url: start } = await ok(client(keys.publishable).auth.signInWithOAuth({ provider: "custom:house", options: { skipBrowserRedirect: true } }));
  const sent = await fetch(start, { redirect: "manual" });
  assert.ok(sent.headers.get("location").startsWith(at("authorize")));
  await ok(providers.deleteProvider("custom:house"));
  assert.equal((await refused(providers.getProvider("custom:house"))).code, "custom_provider_not_found");
});

test("an administrator signs somebody out and deletes softly", async () => {
  const admin = client(keys.secret).auth.admin;
  const { app, user, session } = await signedUp("leaver");
  await ok(admin.signOut(session.access_token, "global"));
  assert.equal((await refused(app.auth.getUser(session.access_token))).name, "AuthSessionMissingError");
  await ok(admin.deleteUser(user.id, true));
  const { user: gone } = await ok(admin.getUserById(user.id));
  assert.ok(gone.deleted_at);
  assert.deepEqual(gone.user_metadata, {});
});

test("what is off says so in GoTrue's words", async () => {
  const { app } = await signedUp("plain");
  assert.equal((await refused(app.auth.signInWithSSO({ domain: "example.com" }))).code, "saml_provider_disabled");
  const web3 = { chain: "solana", message: "example.com wants you to sign in", signature: new Uint8Array(64) };
  assert.equal((await refused(app.auth.signInWithWeb3(web3))).code, "web3_provider_disabled");
  const token = { provider: "google", token: "x.y.z" };
  assert.ok((await refused(app.auth.signInWithIdToken(token))).status < 500);
  const google = await ok(app.auth.signInWithOAuth({ provider: "google", options: { skipBrowserRedirect: true } }));
  const answer = await fetch(google.url, { redirect: "manual" });
  assert.equal(answer.status, 400);
  assert.match((await answer.json()).msg, /^Unsupported provider: /);
});
