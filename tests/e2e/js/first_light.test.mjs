// The official client, as published, against a running Keyturn.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, header, keys, ok, refused, unique } from "./client.mjs";

const password = crypto.randomUUID();

async function signedUp(name) {
  const app = client(keys.publishable);
  const email = unique(name);
  const { user, session } = await ok(app.auth.signUp({ email, password, options: { data: { name } } }));
  return { app, email, user, session };
}

test("a newcomer signs up and gets a session signed with ES256", async () => {
  const { user, session, email } = await signedUp("ada");
  assert.equal(user.email, email);
  assert.equal(user.user_metadata.name, "ada");
  assert.equal(user.role, "authenticated");
  assert.equal(user.identities[0].provider, "email");
  const { alg, kid, typ } = header(session.access_token);
  assert.deepEqual([alg, typ], ["ES256", "JWT"]);
  assert.ok(kid);
});

test("signing in with the password works, with another password it does not", async () => {
  const { email } = await signedUp("bob");
  const app = client(keys.publishable);
  const { session } = await ok(app.auth.signInWithPassword({ email, password }));
  assert.ok(session.refresh_token);
  const error = await refused(client(keys.publishable).auth.signInWithPassword({ email, password: "wrong one" }));
  assert.equal(error.code, "invalid_credentials");
  assert.equal(error.status, 400);
});

test("an email that is taken is refused with GoTrue's code", async () => {
  const { email } = await signedUp("carol");
  const error = await refused(client(keys.publishable).auth.signUp({ email, password }));
  assert.equal(error.code, "user_already_exists");
});

test("a weak password is refused with its reason", async () => {
  const error = await refused(client(keys.publishable).auth.signUp({ email: unique("weak"), password: "abc" }));
  assert.equal(error.code, "weak_password");
  assert.deepEqual(error.reasons, ["length"]);
});

test("getClaims verifies locally from the JWKS and never asks the server about the user", async () => {
  const { app, user } = await signedUp("dora");
  const { claims, header: jose } = await ok(app.auth.getClaims());
  assert.equal(claims.sub, user.id);
  assert.equal(claims.aud, "authenticated");
  assert.equal(claims.aal, "aal1");
  assert.equal(claims.amr[0].method, "password");
  assert.equal(jose.alg, "ES256");
  assert.ok(app.sent.some((line) => line.endsWith("/auth/v1/.well-known/jwks.json")));
  assert.ok(!app.sent.some((line) => line.endsWith("/auth/v1/user")), app.sent.join("\n"));
});

test("getUser asks the server and updateUser merges metadata", async () => {
  const { app, user } = await signedUp("eve");
  assert.equal((await ok(app.auth.getUser())).user.id, user.id);
  await ok(app.auth.updateUser({ data: { town: "Bath" } }));
  const updated = await ok(app.auth.updateUser({ data: { name: null } }));
  assert.equal(updated.user.user_metadata.town, "Bath");
  assert.ok(!("name" in updated.user.user_metadata));
});

test("row-level security separates two users", async () => {
  const one = await signedUp("one");
  const two = await signedUp("two");
  const [note] = await ok(one.app.from("notes").insert({ body: "mine" }).select());
  assert.equal(note.owner, one.user.id);
  assert.deepEqual(await ok(two.app.from("notes").select().eq("id", note.id)), []);
  assert.deepEqual(await ok(two.app.from("notes").update({ body: "stolen" }).eq("id", note.id).select()), []);
  const forged = await refused(two.app.from("notes").insert({ body: "x", owner: one.user.id }));
  assert.equal(forged.code, "42501");
  assert.equal((await ok(one.app.from("notes").select("body").eq("id", note.id).single())).body, "mine");
});

test("publishable is anonymous, secret bypasses row-level security", async () => {
  const { app } = await signedUp("fay");
  const [note] = await ok(app.from("notes").insert({ body: "private" }).select());
  assert.deepEqual(await ok(client(keys.publishable).from("notes").select().eq("id", note.id)), []);
  const seen = await ok(client(keys.secret).from("notes").select().eq("id", note.id));
  assert.equal(seen.length, 1);
  const { role } = await ok(client(keys.publishable).rpc("whoami"));
  assert.equal(role, "anon");
  assert.equal((await ok(client(keys.secret).rpc("whoami"))).role, "service_role");
  assert.equal((await ok(app.rpc("whoami"))).role, "authenticated");
});

test("legacy anon and service_role keys work where they are configured", { skip: !keys.anon && "no legacy keys in this stack" }, async () => {
  assert.equal((await ok(client(keys.anon).rpc("whoami"))).role, "anon");
  assert.equal((await ok(client(keys.serviceRole).rpc("whoami"))).role, "service_role");
});

test("no key, a wrong key and a key with a broken checksum are all 401", async () => {
  const wrong = keys.publishable.slice(0, -1) + (keys.publishable.endsWith("A") ? "B" : "A");
  for (const apikey of [undefined, "nonsense", wrong]) {
    const answer = await fetch(`${process.env.API_URL}/rest/v1/notes`, { headers: apikey ? { apikey } : {} });
    assert.equal(answer.status, 401, `apikey ${apikey && "given"}`);
    assert.ok((await answer.json()).message);
  }
});

test("a refresh gives a new pair and the old refresh token is spent", async () => {
  const { app, session } = await signedUp("gus");
  const fresh = (await ok(app.auth.refreshSession())).session;
  assert.notEqual(fresh.refresh_token, session.refresh_token);
  const again = (await ok(app.auth.refreshSession())).session;
  assert.equal((await ok(app.auth.getClaims(again.access_token))).claims.session_id, (await ok(app.auth.getClaims(session.access_token))).claims.session_id);
  const error = await refused(client(keys.publishable).auth.refreshSession({ refresh_token: session.refresh_token }));
  assert.equal(error.code, "refresh_token_already_used");
});

test("local sign-out ends one session, global sign-out ends all", async () => {
  const { app: first, email } = await signedUp("hal");
  const [second, third] = [client(keys.publishable), client(keys.publishable)];
  const kept = (await ok(second.auth.signInWithPassword({ email, password }))).session;
  await ok(third.auth.signInWithPassword({ email, password }));
  const { error } = await first.auth.signOut({ scope: "local" });
  assert.equal(error, null);
  assert.ok((await ok(second.auth.getUser())).user);
  await third.auth.signOut({ scope: "global" });
  const gone = await refused(client(keys.publishable).auth.getUser(kept.access_token));
  assert.equal(gone.name, "AuthSessionMissingError"); // auth-js's word for session_not_found
  const spent = await refused(client(keys.publishable).auth.refreshSession({ refresh_token: kept.refresh_token }));
  assert.equal(spent.code, "refresh_token_not_found");
});

test("the secret key administers users", async () => {
  const { auth } = client(keys.secret);
  const email = unique("ivy");
  const { user } = await ok(auth.admin.createUser({ email, password, email_confirm: true, app_metadata: { plan: "pro" } }));
  assert.equal(user.app_metadata.plan, "pro");
  assert.equal((await ok(auth.admin.getUserById(user.id))).user.email, email);
  const listed = await ok(auth.admin.listUsers({ page: 1, perPage: 1000 }));
  assert.ok(listed.users.some(({ id }) => id === user.id));
  const renamed = await ok(auth.admin.updateUserById(user.id, { user_metadata: { name: "Ivy" } }));
  assert.equal(renamed.user.user_metadata.name, "Ivy");
  await ok(client(keys.publishable).auth.signInWithPassword({ email, password }));
  await ok(auth.admin.deleteUser(user.id));
  assert.equal((await refused(auth.admin.getUserById(user.id))).code, "user_not_found");
  assert.equal((await refused(client(keys.publishable).auth.signInWithPassword({ email, password }))).code, "invalid_credentials");
});

test("a publishable key does not administer users", async () => {
  const error = await refused(client(keys.publishable).auth.admin.listUsers());
  assert.equal(error.code, "not_admin");
  assert.equal(error.status, 403);
});

test("anonymous sign-ins are off until they are switched on", async () => {
  const error = await refused(client(keys.publishable).auth.signInAnonymously());
  assert.equal(error.code, "anonymous_provider_disabled");
});
