// Goes every way to a token with oauth4webapi, which checks each answer strictly. Prints what came of it as JSON.
// node flow.mjs ISSUER FHIR_BASE PRIVATE_JWK PASSWORD STATEMENT UNTRUSTED_STATEMENT
// It writes "rotate" and waits for a line while the server's keys change.
import * as oauth from 'oauth4webapi'
import { once } from 'node:events'
import { browser } from './browser.mjs'

const [issuer, fhir, jwk, password, statement, untrusted] = process.argv.slice(2)
const options = { [oauth.allowInsecureRequests]: true }
const seen = {}

const url = new URL(issuer)
const as = await oauth.processDiscoveryResponse(
  url,
  await oauth.discoveryRequest(url, { algorithm: 'oidc', ...options }),
)

const { browse, send } = browser(issuer)

// Code with PKCE, pushed, bound to a key.
const client = { client_id: 'app' }
const redirectUri = 'https://app.test/back'
const verifier = oauth.generateRandomCodeVerifier()
const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
const pushed = await oauth.processPushedAuthorizationResponse(
  as,
  client,
  await oauth.pushedAuthorizationRequest(
    as,
    client,
    oauth.None(),
    {
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid fhirUser offline_access user/Patient.rs',
      aud: fhir,
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    },
    options,
  ),
)
const asked = new URL(as.authorization_endpoint)
asked.searchParams.set('client_id', client.client_id)
asked.searchParams.set('request_uri', pushed.request_uri)
let shown = await browse(asked)
shown = await send(shown, { name: 'alice', password })
shown = await send(shown, { answer: 'allow' })
const answer = oauth.validateAuthResponse(as, client, shown.answer, state)
seen.pushedAgain = (await browse(asked)).answer === undefined
// An answer in the name of another server (RFC 9207), and one without its name.
seen.mixedUp = ['https://other.test', undefined].map((iss) => {
  const other = new URL(shown.answer)
  if (iss) other.searchParams.set('iss', iss)
  else other.searchParams.delete('iss')
  try {
    oauth.validateAuthResponse(as, client, other, state)
    return 'taken'
  } catch (error) {
    return error.code
  }
})
const redeem = () =>
  oauth.authorizationCodeGrantRequest(as, client, oauth.None(), answer, redirectUri, verifier, { DPoP, ...options })
const tokens = await oauth.processAuthorizationCodeResponse(as, client, await redeem(), {
  expectedNonce: nonce,
  requireIdToken: true,
})
seen.code = { scope: tokens.scope, token_type: tokens.token_type, sub: oauth.getValidatedIdTokenClaims(tokens).sub }

const person = await oauth.processUserInfoResponse(
  as,
  client,
  seen.code.sub,
  await oauth.userInfoRequest(as, client, tokens.access_token, { DPoP, ...options }),
)
seen.userinfo = person.fhirUser === `${fhir}/Practitioner/1`

const refresh = (token) => oauth.refreshTokenGrantRequest(as, client, oauth.None(), token, { DPoP, ...options })
const renewed = await oauth.processRefreshTokenResponse(as, client, await refresh(tokens.refresh_token))
seen.refresh = { rotated: renewed.refresh_token !== tokens.refresh_token }
await oauth.processRefreshTokenResponse(as, client, await refresh(tokens.refresh_token)).catch((error) => {
  seen.reuse = error.error
})
await oauth.processAuthorizationCodeResponse(as, client, await redeem()).catch((error) => {
  seen.replay = error.error
})

// A system for itself, asking and revoking.
const system = { client_id: 'system' }
const key = await crypto.subtle.importKey('jwk', JSON.parse(jwk), { name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign'])
const proof = oauth.PrivateKeyJwt({ key, kid: JSON.parse(jwk).kid })
const own = await oauth.processClientCredentialsResponse(
  as,
  system,
  await oauth.clientCredentialsGrantRequest(as, system, proof, { scope: 'system/Patient.rs' }, options),
)
seen.system = { scope: own.scope, expires_in: own.expires_in }
const told = async () =>
  (
    await oauth.processIntrospectionResponse(
      as,
      system,
      await oauth.introspectionRequest(as, system, proof, own.access_token, options),
    )
  ).active
seen.active = [await told()]
await oauth.processRevocationResponse(await oauth.revocationRequest(as, system, proof, own.access_token, options))
seen.active.push(await told())

// A device.
const device = await oauth.processDeviceAuthorizationResponse(
  as,
  client,
  await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope: 'user/Patient.rs' }, options),
)
await send(await browse(device.verification_uri_complete), { answer: 'allow' })
const granted = await oauth.processDeviceCodeResponse(
  as,
  client,
  await oauth.deviceCodeGrantRequest(as, client, oauth.None(), device.device_code, options),
)
seen.device = granted.scope
const declined = await oauth.processDeviceAuthorizationResponse(
  as,
  client,
  await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope: 'user/Patient.rs' }, options),
)
const poll = async () =>
  oauth
    .processDeviceCodeResponse(
      as,
      client,
      await oauth.deviceCodeGrantRequest(as, client, oauth.None(), declined.device_code, options),
    )
    .then(() => 'done', (error) => error.error)
seen.declined = [await poll()]
await send(await browse(declined.verification_uri_complete), { answer: 'deny' })
seen.declined.push(await poll())

// Software registers itself with a statement, and then works as what it was registered as.
const register = async (metadata) =>
  oauth
    .processDynamicClientRegistrationResponse(await oauth.dynamicClientRegistrationRequest(as, metadata, options))
    .catch((error) => error.error)
const registered = await register({ software_statement: statement })
const theirs = await oauth.processClientCredentialsResponse(
  as,
  registered,
  await oauth.clientCredentialsGrantRequest(as, registered, proof, { scope: 'system/Patient.rs' }, options),
)
seen.registered = [registered.client_name, theirs.scope]
seen.unregistered = [
  await register({ client_name: 'x', redirect_uris: [redirectUri], scope: 'user/*.rs' }),
  await register({ software_statement: untrusted }),
]

// The server's keys change: what the old one signed is good for as long as it lasts, with the new one published beside.
const named = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid
const kids = async () => (await (await fetch(as.jwks_uri)).json()).keys.map((key) => key.kid)
const introspected = async (token) =>
  (
    await oauth.processIntrospectionResponse(
      as,
      system,
      await oauth.introspectionRequest(as, system, proof, token, options),
    )
  ).active
const fresh = async () =>
  oauth.processClientCredentialsResponse(
    as,
    system,
    await oauth.clientCredentialsGrantRequest(as, system, proof, { scope: 'system/Patient.rs' }, options),
  )
const before = (await fresh()).access_token
console.log('rotate')
await once(process.stdin, 'data')
const after = (await fresh()).access_token
const published = await kids()
seen.rotation = {
  another: named(after) !== named(before),
  both: published.includes(named(after)) && published.includes(named(before)),
  active: [await introspected(before), await introspected(after)],
}
process.stdin.destroy()

console.log(JSON.stringify(seen))
