// A security key in software (WebAuthn Level 2, ES256), as much of it as the scenarios need.
import { createHash, createSign, generateKeyPairSync, randomBytes } from "node:crypto";

const bytes = (value) => (typeof value === "string" ? Buffer.from(value, "base64url") : Buffer.from(value));
const sha256 = (data) => createHash("sha256").update(data).digest();

function head(major, number) {
  if (number < 24) return Buffer.from([(major << 5) | number]);
  if (number < 256) return Buffer.from([(major << 5) | 24, number]);
  return Buffer.from([(major << 5) | 25, number >> 8, number & 255]);
}

function cbor(value) {
  if (typeof value === "number") return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (typeof value === "string") return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  return Buffer.concat([head(5, value.length), ...value.flat().map(cbor)]); // pairs
}

export class Authenticator {
  origin = "http://localhost:3000";
  rpId = "localhost";
  counter = 0;
  id = randomBytes(32);
  keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

  /** Answers `navigator.credentials.create`. */
  create(options) {
    this.user = bytes(options.user.id);
    const { x, y } = this.keys.publicKey.export({ format: "jwk" });
    const key = cbor([[1, 2], [3, -7], [-1, 1], [-2, bytes(x)], [-3, bytes(y)]]);
    const size = Buffer.from([0, this.id.length]);
    const authData = Buffer.concat([this.#data(0x45), Buffer.alloc(16), size, this.id, key]);
    return this.#credential({
      clientDataJSON: this.#client("webauthn.create", options).toString("base64url"),
      attestationObject: cbor([["fmt", "none"], ["attStmt", []], ["authData", authData]]).toString("base64url"),
      transports: ["internal"],
    });
  }

  /** Answers `navigator.credentials.get`. */
  get(options) {
    this.counter += 1;
    const [data, client] = [this.#data(0x05), this.#client("webauthn.get", options)];
    const signature = createSign("sha256").update(data).update(sha256(client)).sign(this.keys.privateKey);
    return this.#credential({
      clientDataJSON: client.toString("base64url"),
      authenticatorData: data.toString("base64url"),
      signature: signature.toString("base64url"),
      userHandle: this.user.toString("base64url"),
    });
  }

  #data(flags) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.counter);
    return Buffer.concat([sha256(this.rpId), Buffer.from([flags]), counter]);
  }

  #client(type, options) {
    const challenge = bytes(options.challenge).toString("base64url");
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  #credential(response) {
    const id = this.id.toString("base64url");
    const json = { id, rawId: id, type: "public-key", clientExtensionResults: {}, response };
    return { ...json, toJSON: () => json };
  }
}
