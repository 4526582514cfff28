// Second factors through the official client, as an application uses them.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { Authenticator } from "./authenticator.mjs";
import { client, keys, ok, refused, unique } from "./client.mjs";

const password = crypto.randomUUID();

/** The code that an authenticator app shows now (RFC 6238), computed independently. */
function codeOf(secret, at = Date.now()) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((char) => alphabet.indexOf(char).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((octet) => parseInt(octet, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const start = digest.at(-1) & 15;
  return String((digest.readUInt32BE(start) & 0x7fffffff) % 1e6).padStart(6, "0");
}

async function signedUp(name) {
  const app = client(keys.publishable);
  const email = unique(name);
  const { user } = await ok(app.auth.signUp({ email, password }));
  return { app, email, user };
}

test("enrol, verify, levels, unenrol", async () => {
  const { app, email } = await signedUp("mfa");
  const factor = await ok(app.auth.mfa.enroll({ factorType: "totp", friendlyName: "Phone", issuer: "Example" }));
  assert.match(factor.totp.qr_code, /^data:image\/svg\+xml;utf-8,<\?xml/);
  assert.ok(!factor.totp.qr_code.includes("#"));
  assert.match(factor.totp.uri, /^otpauth:\/\/totp\/Example:/);

  const wrong = await refused(app.auth.mfa.challengeAndVerify({ factorId: factor.id, code: "12345x" }));
  assert.equal(wrong.code, "mfa_verification_failed");

  const session = await ok(app.auth.mfa.challengeAndVerify({ factorId: factor.id, code: codeOf(factor.totp.secret) }));
  assert.ok(session.access_token);
  const { claims } = await ok(app.auth.getClaims());
  assert.equal(claims.aal, "aal2");
  assert.deepEqual(claims.amr.map((entry) => entry.method), ["totp", "password"]);
  const { totp } = await ok(app.auth.mfa.listFactors());
  assert.equal(totp[0].id, factor.id);

  const later = client(keys.publishable);
  await ok(later.auth.signInWithPassword({ email, password }));
  const levels = await ok(later.auth.mfa.getAuthenticatorAssuranceLevel());
  assert.equal(levels.currentLevel, "aal1");
  assert.equal(levels.nextLevel, "aal2");
  assert.equal((await refused(later.auth.mfa.unenroll({ factorId: factor.id }))).code, "insufficient_aal");
  assert.equal((await refused(later.auth.updateUser({ password: `${password}!` }))).code, "insufficient_aal");

  const challenge = await ok(later.auth.mfa.challenge({ factorId: factor.id }));
  await ok(later.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: codeOf(factor.totp.secret) }));
  await ok(later.auth.refreshSession());
  assert.equal((await ok(later.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, "aal2");
  await ok(later.auth.mfa.unenroll({ factorId: factor.id }));
  assert.equal((await ok(later.auth.mfa.listFactors())).all.length, 0);
});

test("administrators list and remove factors", async () => {
  const { app, user } = await signedUp("mfa-admin");
  const factor = await ok(app.auth.mfa.enroll({ factorType: "totp", friendlyName: "Phone" }));
  await ok(app.auth.mfa.challengeAndVerify({ factorId: factor.id, code: codeOf(factor.totp.secret) }));
  const admin = client(keys.secret);
  const { factors } = await ok(admin.auth.admin.mfa.listFactors({ userId: user.id }));
  assert.deepEqual(factors.map((entry) => entry.status), ["verified"]);
  await ok(admin.auth.admin.mfa.deleteFactor({ userId: user.id, id: factor.id }));
  await ok(app.auth.refreshSession());
  const { claims } = await ok(app.auth.getClaims());
  assert.equal(claims.aal, "aal1");
});

test("a guest becomes a permanent user and may then have a factor", async (t) => {
  const app = client(keys.publishable);
  const { data, error } = await app.auth.signInAnonymously();
  if (error) return t.skip(error.code); // off unless the stack was started with it
  assert.equal(data.user.is_anonymous, true);
  assert.equal((await refused(app.auth.mfa.enroll({ factorType: "totp" }))).code, "no_authorization");
  const email = unique("converted");
  const { user } = await ok(app.auth.updateUser({ email, password }));
  assert.equal(user.email, email);
  assert.equal(user.is_anonymous, false);
  await ok(app.auth.mfa.enroll({ factorType: "totp", friendlyName: "Phone" }));
  await ok(client(keys.publishable).auth.signInWithPassword({ email, password }));
});

test("a passkey is made, used to sign in, named and deleted", async () => {
  const { app, user } = await signedUp("passkey");
  const device = new Authenticator();
  const asked = await ok(app.auth.passkey.startRegistration());
  const made = await ok(
    app.auth.passkey.verifyRegistration({ challengeId: asked.challenge_id, credential: device.create(asked.options).toJSON() }),
  );
  const named = await ok(app.auth.passkey.update({ passkeyId: made.id, friendlyName: "laptop" }));
  assert.equal(named.friendly_name, "laptop");

  const later = client(keys.publishable);
  const wanted = await ok(later.auth.passkey.startAuthentication());
  const answer = { challengeId: wanted.challenge_id, credential: device.get(wanted.options).toJSON() };
  const signedIn = await ok(later.auth.passkey.verifyAuthentication(answer));
  assert.equal(signedIn.user.id, user.id);
  assert.equal((await refused(later.auth.passkey.verifyAuthentication(answer))).code, "webauthn_challenge_not_found");
  const { claims } = await ok(later.auth.getClaims());
  assert.deepEqual([claims.aal, claims.amr[0].method], ["aal1", "passkey"]);

  const admin = client(keys.secret);
  const listed = await ok(admin.auth.admin.passkey.listPasskeys({ userId: user.id }));
  assert.deepEqual(listed.map((one) => one.id), [made.id]);
  await ok(later.auth.passkey.delete({ passkeyId: made.id }));
  assert.deepEqual(await ok(later.auth.passkey.list()), []);
});

test("a security key as second factor", async () => {
  const { app } = await signedUp("key");
  const device = new Authenticator();
  const factor = await ok(app.auth.mfa.enroll({ factorType: "webauthn", friendlyName: "key" }));
  for (const type of ["create", "request"]) {
    const challenge = await ok(app.auth.mfa.challenge({ factorId: factor.id }));
    assert.equal(challenge.webauthn.type, type);
    const credential_response = device[type === "create" ? "create" : "get"](challenge.webauthn.credential_options.publicKey);
    await ok(app.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, webauthn: { type, credential_response } }));
  }
  const { claims } = await ok(app.auth.getClaims());
  assert.equal(claims.aal, "aal2");
  assert.ok(claims.amr.some((entry) => entry.method === "mfa/webauthn"));
  assert.equal((await ok(app.auth.mfa.listFactors())).webauthn.length, 1);
});
