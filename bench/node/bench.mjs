// Takes its turn when it is told: one line in (a group's name), one line of JSON out.
import { createInterface } from 'node:readline'
import { createPublicKey } from 'node:crypto'
import { importJWK, jwtVerify } from 'jose'
import { createVerifier } from 'fast-jwt'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const setup = JSON.parse((await lines.next()).value)
const groups = {}

for (const { alg, jwk, token } of setup.cases) {
  const key = await importJWK(jwk, alg)
  const rules = { issuer: setup.issuer, audience: setup.audience, algorithms: [alg] }
  const material =
    alg === 'HS256'
      ? Buffer.from(jwk.k, 'base64url')
      : createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const options = {
    key: material, algorithms: [alg], allowedIss: setup.issuer, allowedAud: setup.audience,
  }
  const cold = createVerifier(options)
  const warm = createVerifier({ ...options, cache: true })
  groups[alg] = {
    'node jose': () => jwtVerify(token, key, rules),
    'node fast-jwt': () => cold(token),
    'node fast-jwt, token seen before': () => warm(token),
  }
}

async function timed(call, seconds) {
  const started = process.hrtime.bigint()
  let count = 0
  let spent = 0n
  while (spent < BigInt(seconds * 1e9)) {
    for (let n = 0; n < 20; n++) await call()
    count += 20
    spent = process.hrtime.bigint() - started
  }
  return Number(spent) / 1000 / count
}

for (const calls of Object.values(groups)) {
  for (const call of Object.values(calls)) await timed(call, 0.2) // let V8 compile it
}
for await (const group of lines) {
  const answer = {}
  for (const [name, call] of Object.entries(groups[group])) answer[name] = await timed(call, setup.slice)
  console.log(JSON.stringify(answer))
}
