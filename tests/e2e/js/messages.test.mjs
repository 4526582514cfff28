// Links and codes through the official client; the mails are read from the inbox of `keyturn up`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, keys, memory, ok, refused, unique, url } from "./client.mjs";

const inbox = `${url}/admin/api/v1/projects/self-hosted/inbox`;
const password = crypto.randomUUID();

/** The newest mail to an address; mails may leave after the answer. */
async function mailTo(address, count = 1) {
  for (let turn = 0; turn < 400; turn += 1) {
    const answer = await fetch(`${inbox}?to=${encodeURIComponent(address)}`, { headers: { apikey: keys.secret } });
    const { messages } = await answer.json();
    if (messages.length >= count) return messages[0];
    await new Promise((wake) => setTimeout(wake, 25));
  }
  throw new Error(`no mail number ${count} to ${address}`);
}

const code = (mail) => mail.text.match(/code: (\d{6})/)[1];
const verifyLink = (mail) => mail.links.find((link) => link.includes("/verify?token="));

async function clicked(mail) {
  const answer = await fetch(verifyLink(mail), { redirect: "manual" });
  assert.equal(answer.status, 303);
  return new URL(answer.headers.get("location"));
}

async function confirmed(name) {
  const app = client(keys.publishable);
  const email = unique(name);
  await ok(app.auth.signUp({ email, password }));
  const { session } = await ok(app.auth.verifyOtp({ email, token: code(await mailTo(email)), type: "signup" }));
  return { app, email, session };
}

test("a newcomer confirms the address with the code of the mail", async () => {
  const app = client(keys.publishable);
  const email = unique("ada");
  const { user, session } = await ok(app.auth.signUp({ email, password, options: { data: { name: "Ada" } } }));
  assert.equal(session, null);
  assert.ok(user.confirmation_sent_at);
  assert.equal((await refused(app.auth.signInWithPassword({ email, password }))).code, "email_not_confirmed");
  const mail = await mailTo(email);
  const entered = await ok(app.auth.verifyOtp({ email, token: code(mail), type: "signup" }));
  assert.equal(entered.user.email, email);
  assert.ok(entered.session.refresh_token);
  assert.equal((await refused(app.auth.verifyOtp({ email, token: code(mail), type: "signup" }))).code, "otp_expired");
});

test("following the link gives the session in the fragment", async () => {
  const email = unique("bob");
  const emailRedirectTo = "http://localhost:5173/welcome";
  await ok(client(keys.publishable).auth.signUp({ email, password, options: { emailRedirectTo } }));
  const target = await clicked(await mailTo(email));
  assert.equal(target.origin + target.pathname, emailRedirectTo);
  const session = new URLSearchParams(target.hash.slice(1));
  assert.equal(session.get("type"), "signup");
  assert.equal((await ok(client(keys.publishable).auth.getUser(session.get("access_token")))).user.email, email);
});

test("an address that is taken looks like a new one", async () => {
  const { email } = await confirmed("carol");
  const { user, session } = await ok(client(keys.publishable).auth.signUp({ email, password }));
  assert.equal(session, null);
  assert.deepEqual(user.identities, []);
});

test("a forgotten password is set anew, with PKCE", async () => {
  const { email } = await confirmed("dora");
  const app = client(keys.publishable, { flowType: "pkce", persistSession: true, storage: memory() });
  await ok(app.auth.resetPasswordForEmail(email, { redirectTo: "http://localhost:5173/new-password" }));
  const target = await clicked(await mailTo(email, 2));
  assert.equal(target.pathname, "/new-password");
  const { session } = await ok(app.auth.exchangeCodeForSession(target.searchParams.get("code")));
  assert.equal(session.user.email, email);
  await ok(app.auth.updateUser({ password: "another secret" }));
  await ok(client(keys.publishable).auth.signInWithPassword({ email, password: "another secret" }));
});

test("a magic link signs in; without an account there may be none", async () => {
  const { email, session } = await confirmed("eve");
  const app = client(keys.publishable);
  await ok(app.auth.signInWithOtp({ email }));
  const entered = await ok(app.auth.verifyOtp({ email, token: code(await mailTo(email, 2)), type: "email" }));
  assert.equal(entered.user.id, session.user.id);
  const error = await refused(app.auth.signInWithOtp({ email: unique("nobody"), options: { shouldCreateUser: false } }));
  assert.equal(error.code, "otp_disabled");
});

test("a new address is confirmed from both, and resending works", async () => {
  const { app, email } = await confirmed("fay");
  const fresh = unique("fay-new");
  await ok(app.auth.updateUser({ email: fresh }));
  await mailTo(fresh);
  await ok(app.auth.resend({ type: "email_change", email }));
  assert.ok((await clicked(await mailTo(fresh, 2))).hash.includes("message="));
  const target = await clicked(await mailTo(email, 3));
  const token = new URLSearchParams(target.hash.slice(1)).get("access_token");
  assert.equal((await ok(client(keys.publishable).auth.getUser(token))).user.email, fresh);
});

test("administrators invite, and make links", async () => {
  const { auth } = client(keys.secret);
  const email = unique("gus");
  await ok(auth.admin.inviteUserByEmail(email, { data: { team: "blue" } }));
  const mail = await mailTo(email);
  assert.ok(verifyLink(mail).includes("type=invite"));
  const { properties, user } = await ok(auth.admin.generateLink({ type: "magiclink", email }));
  assert.equal(user.email, email);
  const entered = await ok(client(keys.publishable).auth.verifyOtp({ token_hash: properties.hashed_token, type: "magiclink" }));
  assert.equal(entered.user.user_metadata.team, "blue");
});

test("reauthentication sends a nonce", async () => {
  const { app, email } = await confirmed("hal");
  await ok(app.auth.reauthenticate());
  const nonce = code(await mailTo(email, 2));
  await ok(app.auth.updateUser({ password: "yet another secret", nonce }));
});
