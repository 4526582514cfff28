// One application that keeps working while somebody turns the keys: it reads and writes under
// row-level security, verifies its own token locally and refreshes like any client. It stops when
// its standard input closes, and prints what happened as one JSON object.
import { client, header, keys, ok, unique } from "./client.mjs";

const app = client(keys[process.env.KEY ?? "publishable"]);
const report = { requests: 0, failures: [], kids: [], refreshes: 0, user: null };
let running = true;
process.stdin.on("end", () => (running = false)).resume();

async function attempt(name, action) {
  report.requests += 1;
  try {
    return await action();
  } catch (error) {
    report.failures.push({ name, message: String(error?.message ?? error), code: error?.code ?? null, at: new Date().toISOString() });
    return null;
  }
}

const password = crypto.randomUUID();
const { user } = await ok(app.auth.signUp({ email: unique("worker"), password }));
report.user = user.id;
process.stdout.write("ready\n");

for (let turn = 0; running; turn += 1) {
  await attempt("insert", () => ok(app.from("notes").insert({ body: `turn ${turn}` })));
  await attempt("select", () => ok(app.from("notes").select("id,body").limit(3)));
  await attempt("getClaims", async () => {
    const { claims } = await ok(app.auth.getClaims());
    if (claims.sub !== user.id) throw new Error("claims of somebody else");
  });
  await attempt("getUser", () => ok(app.auth.getUser()));
  if (turn % 3 === 0) {
    await attempt("refresh", () => ok(app.auth.refreshSession()));
    report.refreshes += 1;
  }
  const { session } = (await app.auth.getSession()).data;
  const kid = session && header(session.access_token).kid;
  if (kid && !report.kids.includes(kid)) report.kids.push(kid);
  await new Promise((wake) => setTimeout(wake, 20));
}
process.stdout.write(JSON.stringify(report) + "\n");
process.exit(0);
