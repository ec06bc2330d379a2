// openid-client against a running server: code, refresh, userinfo, a system's own tokens, and refusals. Prints JSON.
// node openid.mjs ISSUER FHIR_BASE '{"app", "system", "service", "jwk", "name", "password", "back", "statement"}'
import * as client from 'openid-client'
import { browser } from './browser.mjs'

const [issuer, fhir, given] = process.argv.slice(2)
const { app, system, service, jwk, name, password, back, statement } = JSON.parse(given)
const execute = [client.allowInsecureRequests]
const seen = {}
const refusal = (promise) => promise.then(() => 'done', (error) => error.error ?? error.cause?.error ?? error.code)
const status = async (token, path) =>
  (await fetch(`${fhir}/${path}`, { headers: { authorization: `Bearer ${token}` } })).status

const config = await client.discovery(new URL(issuer), app, undefined, client.None(), { execute })
const redirect_uri = 'http://127.0.0.1:9/back'
const pkceCodeVerifier = client.randomPKCECodeVerifier()
const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() }
const asked = {
  redirect_uri,
  scope: 'openid fhirUser profile offline_access user/Patient.rs user/Observation.cruds',
  aud: fhir,
  state: checks.expectedState,
  nonce: checks.expectedNonce,
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
}
const person = browser(issuer)
const answer = await person.agree(client.buildAuthorizationUrl(config, asked), { name, password })
const tokens = await client.authorizationCodeGrant(config, answer, checks)
const claims = tokens.claims()
seen.code = { fhirUser: claims.fhirUser === `${fhir}/Practitioner/7`, expires_in: tokens.expires_in }
seen.reads = [await status(tokens.access_token, 'Patient'), await status(tokens.access_token, 'Condition')]
const told = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
seen.userinfo = { name: told.name, sub: told.sub === claims.sub }

const renewed = await client.refreshTokenGrant(config, tokens.refresh_token)
seen.refreshed = await status(renewed.access_token, 'Patient')
seen.reuse = await refusal(client.refreshTokenGrant(config, tokens.refresh_token))
seen.dead = await refusal(client.refreshTokenGrant(config, renewed.refresh_token))
seen.replay = await refusal(client.authorizationCodeGrant(config, answer, checks))
seen.state = await refusal(client.authorizationCodeGrant(config, answer, { ...checks, expectedState: 'other' }))

// The same app asks with plain PKCE, and for a place that it did not register.
const refused = async (changed) => {
  const shown = await browser(issuer).browse(client.buildAuthorizationUrl(config, { ...asked, ...changed }))
  return shown.answer ? shown.answer.searchParams.get('error') : 'told to the person'
}
seen.plain = await refused({ code_challenge_method: 'plain' })
seen.elsewhere = await refused({ redirect_uri: 'https://evil.test/back' })

// A system for itself.
const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign'])
const own = await client.discovery(new URL(issuer), system, undefined, client.PrivateKeyJwt({ key, kid: jwk.kid }), {
  execute,
})
const granted = await client.clientCredentialsGrant(own, { scope: 'system/Patient.rs system/Observation.rs' })
seen.system = { scope: granted.scope, reads: await status(granted.access_token, 'Patient') }
seen.active = [(await client.tokenIntrospection(own, granted.access_token)).active]
await client.tokenRevocation(own, granted.access_token)
seen.active.push((await client.tokenIntrospection(own, granted.access_token)).active)
seen.more = await refusal(client.clientCredentialsGrant(own, { scope: 'system/Condition.rs' }))

// Scopes as SMART 1 wrote them, and scopes that search parameters narrow.
const older = await client.clientCredentialsGrant(own, { scope: 'system/Patient.read' })
seen.older = [older.scope, await status(older.access_token, 'Patient')]
const narrow = async (scope) => {
  const token = (await client.clientCredentialsGrant(own, { scope })).access_token
  const read = (path) => fetch(`${fhir}/${path}`, { headers: { authorization: `Bearer ${token}` } })
  const total = (await (await read('Observation?_total=accurate')).json()).total
  return [total, (await read('Observation/of-uwase')).status]
}
seen.narrow = [
  await narrow('system/Observation.rs?patient=Patient/uwase'),
  await narrow('system/Observation.rs?patient=Patient/mugisha'),
]
seen.unreadable = await refusal(client.clientCredentialsGrant(own, { scope: 'system/Observation.rs?_include=x' }))

// A device, and a device that the person turns away.
const device = async (answer) => {
  const asked = await client.initiateDeviceAuthorization(config, { scope: 'user/Patient.rs' })
  await person.send(await person.browse(asked.verification_uri_complete), { answer })
  return client.pollDeviceAuthorizationGrant(config, asked).then((given) => given.scope, (error) => error.error)
}
seen.devices = [await device('allow'), await device('deny')]

// Software registers itself with a statement.
const register = (metadata) =>
  client.dynamicClientRegistration(new URL(issuer), metadata, client.None(), { execute, algorithm: 'oauth2' })
const made = await register({ software_statement: statement })
const signedIn = await person.agree(client.buildAuthorizationUrl(made, { ...asked, scope: 'openid user/Patient.rs' }), {
  name,
  password,
})
const its = await client.authorizationCodeGrant(made, signedIn, checks)
seen.registered = [made.clientMetadata().client_name, await status(its.access_token, 'Patient')]
seen.unregistered = await refusal(register({ client_name: 'x', redirect_uris: [redirect_uri] }))

// The same person and app, pushed beforehand, with tokens that are bound to a key.
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
const pushed = await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP })
seen.pushedByAnother = (await browser(issuer).browse(new URL(pushed.href.replace(app, system)))).answer === undefined
const repushed = await client.buildAuthorizationUrlWithPAR(config, asked, { DPoP })
const bound = await client.authorizationCodeGrant(config, await person.agree(repushed, { name, password }), checks, undefined, {
  DPoP,
})
const shown = async (base, handle) =>
  client
    .fetchProtectedResource(config, bound.access_token, new URL(`${base}/Patient?_count=1`), 'GET', undefined, undefined, {
      DPoP: handle,
    })
    .then((answered) => answered.status, (error) => error.status ?? error.cause?.status ?? error.code)
const stranger = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
seen.bound = [
  bound.token_type,
  await shown(fhir, DPoP),
  await shown(fhir.replace('/fhir', '/t/1/fhir'), DPoP),
  (await fetch(`${fhir}/Patient`, { headers: { authorization: `Bearer ${bound.access_token}` } })).status,
]
seen.stolen = await refusal(client.refreshTokenGrant(config, bound.refresh_token, undefined, { DPoP: stranger }))
seen.kept = (await client.refreshTokenGrant(config, bound.refresh_token, undefined, { DPoP })).token_type

// A service acts for the person, within what it is registered for.
const acting = await client.discovery(new URL(issuer), service, undefined, client.PrivateKeyJwt({ key, kid: jwk.kid }), {
  execute,
})
const begun = await person.agree(client.buildAuthorizationUrl(config, asked), { name, password })
const again = await client.authorizationCodeGrant(config, begun, checks)
const exchange = (token, scope) =>
  client.genericGrantRequest(acting, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope,
  })
const passed = await exchange(again.access_token, 'user/Patient.rs')
seen.exchanged = [await status(passed.access_token, 'Patient'), await status(passed.access_token, 'Observation')]
seen.tooMuch = await refusal(exchange(again.access_token, 'user/Condition.rs'))
seen.notBound = await refusal(exchange(bound.access_token, 'user/Patient.rs'))

// The person signs out by the app.
const end = { post_logout_redirect_uri: back, id_token_hint: again.id_token, state: 'z' }
const left = await person.browse(client.buildEndSessionUrl(config, end))
seen.left = left.answer?.href === `${back}?state=z`
seen.signedOut = (await person.browse(client.buildAuthorizationUrl(config, { ...asked, prompt: 'none' }))).answer?.searchParams.get(
  'error',
)

console.log(JSON.stringify(seen))
