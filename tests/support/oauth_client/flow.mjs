// Goes every way to a token with oauth4webapi, which checks each answer strictly. Prints what came of it as JSON.
// node flow.mjs ISSUER FHIR_BASE PRIVATE_JWK PASSWORD
import * as oauth from 'oauth4webapi'
import { browser } from './browser.mjs'

const [issuer, fhir, jwk, password] = process.argv.slice(2)
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
const redeem = () =>
  oauth.authorizationCodeGrantRequest(as, client, oauth.None(), answer, redirectUri, verifier, { DPoP, ...options })
const tokens = await oauth.processAuthorizationCodeResponse(as, client, await redeem(), {
  expectedNonce: nonce,
  requireIdToken: true,
})
seen.code = { scope: tokens.scope, token_type: tokens.token_type, sub: oauth.getValidatedIdTokenClaims(tokens).sub }

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

console.log(JSON.stringify(seen))
