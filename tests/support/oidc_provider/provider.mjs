// A certified OpenID Connect provider for tests: `node provider.mjs PORT CALLBACK [CERT KEY]`.
// With the files of a certificate for `localhost` it speaks TLS.
// Whoever comes is signed in at once as the account that `login_hint` names, "sub|email|verified".
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { Provider, interactionPolicy } from 'oidc-provider'

const [port, callback, cert, key] = process.argv.slice(2)
const issuer = cert ? `https://localhost:${port}` : `http://127.0.0.1:${port}`
const policy = interactionPolicy.base()

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'keyturn',
      client_secret: 'a-secret-of-the-test-provider',
      redirect_uris: [callback],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'picture'] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false } },
  interactions: { policy, url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => false },
  async findAccount(ctx, id) {
    const [sub, email, verified] = id.split('|')
    return {
      accountId: id,
      claims: () => ({
        sub: id, email, email_verified: verified === 'true', name: `User ${sub}`,
        picture: 'https://pictures.example.com/1.png',
      }),
    }
  },
})

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next()
  const { params, prompt } = await provider.interactionDetails(ctx.req, ctx.res)
  if (params.login_hint === 'deny') {
    const denied = { error: 'access_denied', error_description: 'the user said no' }
    return provider.interactionFinished(ctx.req, ctx.res, denied)
  }
  let result
  if (prompt.name === 'login') {
    result = { login: { accountId: params.login_hint } }
  } else {
    const { Grant } = provider
    const grant = new Grant({ accountId: params.login_hint, clientId: params.client_id })
    grant.addOIDCScope(params.scope)
    result = { consent: { grantId: await grant.save() } }
  }
  await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: true })
})

const listen = [Number(port), '127.0.0.1', () => console.log('ready')]
if (cert) {
  createServer({ cert: readFileSync(cert), key: readFileSync(key) }, provider.callback()).listen(...listen)
} else {
  provider.listen(...listen)
}
