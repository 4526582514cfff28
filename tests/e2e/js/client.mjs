// What every scenario shares: clients as an application would make them, and a record of the
// requests they really sent.
import { createClient } from "@supabase/supabase-js";
import ws from "ws";

export const url = process.env.API_URL;
export const keys = {
  publishable: process.env.PUBLISHABLE_KEY,
  secret: process.env.SECRET_KEY,
  anon: process.env.ANON_KEY,
  serviceRole: process.env.SERVICE_ROLE_KEY,
};

/** A client that remembers `METHOD path` of each request in `client.sent`. */
export function client(key, auth = {}) {
  const sent = [];
  const recorded = async (input, init) => {
    const target = new URL(typeof input === "string" ? input : input.url);
    sent.push(`${init?.method ?? "GET"} ${target.pathname}`);
    return fetch(input, init);
  };
  const made = createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false, ...auth },
    global: { fetch: recorded },
    realtime: { transport: ws }, // Node 20 has no WebSocket of its own
  });
  made.sent = sent;
  return made;
}

/** The data of a `{data, error}` answer; throws the error. */
export async function ok(promise) {
  const { data, error } = await promise;
  if (error) throw error;
  return data;
}

/** The error of a `{data, error}` answer; throws when there is none. */
export async function refused(promise) {
  const { data, error } = await promise;
  if (!error) throw new Error(`expected a refusal, got ${JSON.stringify(data)}`);
  return error;
}

export const unique = (name) => `${name}-${crypto.randomUUID().slice(0, 8)}@example.com`;

export function header(token) {
  return JSON.parse(Buffer.from(token.split(".")[0], "base64url").toString());
}

/** Storage of a browser that is closed at the end. */
export function memory() {
  const kept = new Map();
  return { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, v), removeItem: (k) => void kept.delete(k) };
}
