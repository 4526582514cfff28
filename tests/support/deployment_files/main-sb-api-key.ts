import * as jose from 'jsr:@panva/jose@6'

const JWT_SECRET = Deno.env.get('JWT_SECRET')
const SUPABASE_JWKS = Deno.env.get('SUPABASE_JWKS')
const VERIFY_JWT = Deno.env.get('VERIFY_JWT') === 'true'

function localKeys() {
  try {
    const set = JSON.parse(SUPABASE_JWKS ?? '')
    return Array.isArray(set.keys) ? jose.createLocalJWKSet(set) : null
  } catch {
    return null
  }
}
const keys = localKeys()

async function verify(jwt: string): Promise<string | null> {
  const { alg } = jose.decodeProtectedHeader(jwt)
  if (alg === 'HS256') {
    if (!JWT_SECRET) return 'UNAUTHORIZED_LEGACY_JWT'
    await jose.jwtVerify(jwt, new TextEncoder().encode(JWT_SECRET), { algorithms: ['HS256'] })
    return null
  }
  if (alg !== 'ES256' && alg !== 'RS256') return 'UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM'
  if (!keys) return 'UNAUTHORIZED_ASYMMETRIC_JWT'
  await jose.jwtVerify(jwt, keys, { algorithms: ['ES256', 'RS256'] })
  return null
}

// The gateway puts the JWT of an sb_ key into sb-api-key; workers never see that header.
function tokenOf(req: Request): string | null {
  const bearer = req.headers.get('authorization')
  if (!bearer || bearer.startsWith('Bearer sb_')) return req.headers.get('sb-api-key')
  return bearer.startsWith('Bearer ') ? bearer.slice(7) : null
}

Deno.serve(async (req: Request) => {
  const token = tokenOf(req)
  if (req.method !== 'OPTIONS' && VERIFY_JWT) {
    const code = token === null ? 'UNAUTHORIZED_NO_AUTH_HEADER' : await verify(token)
    if (code) return Response.json({ code, message: code, msg: code }, { status: 401 })
  }
  req.headers.delete('sb-api-key')
  return await EdgeRuntime.userWorkers.create({ servicePath: '/home/deno/functions' })
})
