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
