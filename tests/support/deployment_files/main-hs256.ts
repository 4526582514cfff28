import { serve } from 'https://deno.land/std@0.131.0/http/server.ts'
import * as jose from 'https://deno.land/x/jose@v4.14.4/index.ts'

const JWT_SECRET = Deno.env.get('JWT_SECRET')
const VERIFY_JWT = Deno.env.get('VERIFY_JWT') === 'true'

async function verifyJWT(jwt: string): Promise<boolean> {
  const { payload } = await jose.jwtVerify(jwt, new TextEncoder().encode(JWT_SECRET))
  return payload !== undefined
}

serve(async (req: Request) => {
  if (req.method !== 'OPTIONS' && VERIFY_JWT) {
    const [bearer, token] = (req.headers.get('authorization') ?? '').split(' ')
    if (bearer !== 'Bearer' || !(await verifyJWT(token))) {
      return new Response(JSON.stringify({ msg: 'Invalid JWT' }), { status: 401 })
    }
  }
  return await EdgeRuntime.userWorkers.create({ servicePath: '/home/deno/functions' })
})
