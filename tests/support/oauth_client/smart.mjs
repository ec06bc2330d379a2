// fhirclient, the SMART app library, against a running server: standalone launch, EHR launch, refusals. Prints JSON.
// node smart.mjs ISSUER FHIR_BASE '{"chart", "ehr", "secret", "name", "password", "patient"}'
import smart from 'fhirclient'
import { createServer } from 'node:http'
import { browser } from './browser.mjs'

const [issuer, fhir, given] = process.argv.slice(2)
const { chart, ehr, secret, name, password, patient, port } = JSON.parse(given)
const seen = {}

// The app: a page that begins, and one that the answer comes back to; as its library has it, on a server of its own.
const kept = new Map()
const storage = {
  get: async (key) => kept.get(key),
  set: async (key, value) => kept.set(key, value),
  unset: async (key) => kept.delete(key),
}
let use
const app = createServer(async (request, response) => {
  const api = smart(request, response, storage)
  try {
    if (request.url.startsWith('/launch')) await api.authorize(use.asked)
    else response.end(JSON.stringify(await use.ready(await api.ready())))
  } catch (error) {
    response.statusCode = 500
    response.end(JSON.stringify({ error: error.message }))
  }
}).listen(port, '127.0.0.1')

async function go(asked, query, ready) {
  kept.clear()
  use = { asked: { clientId: chart, redirectUri: '/back', pkceMode: 'required', ...asked }, ready }
  const begun = await fetch(`http://127.0.0.1:${port}/launch?${new URLSearchParams(query)}`, { redirect: 'manual' })
  if (begun.status !== 302) return begun.json()
  const answer = await browser(issuer).agree(begun.headers.get('location'), { name, password, patient })
  return (await fetch(answer)).json()
}

const looks = async (client) => ({
  patient: client.patient.id,
  user: client.user.fhirUser === 'Practitioner/7',
  family: (await client.patient.read()).name[0].family,
  observations: (await client.patient.request('Observation')).total,
  others: (await client.request('Patient')).total,
  refused: await client.request('Condition').then(() => 'done', (error) => error.statusCode ?? error.status),
})

seen.standalone = await go(
  { iss: fhir, scope: 'launch/patient openid fhirUser patient/Patient.rs patient/Observation.rs' },
  {},
  looks,
)

// The EHR makes a context and opens the app with it.
const launch = async () => {
  const context = new URLSearchParams({ app: chart, patient, intent: 'summary' })
  const headers = { authorization: `Basic ${Buffer.from(`${ehr}:${secret}`).toString('base64')}` }
  return (await fetch(`${issuer}/launch`, { method: 'POST', body: context, headers })).json()
}
const made = await launch()
const query = { iss: fhir, launch: made.launch }
const scope = 'launch openid fhirUser patient/Patient.rs patient/Observation.rs'
seen.ehr = await go({ scope }, query, async (client) => ({
  ...(await looks(client)),
  intent: client.state.tokenResponse.intent,
}))
seen.again = (await go({ scope }, query, looks).catch((error) => ({ error: error.message }))).error !== undefined
seen.unknown = (await go({ scope }, { iss: fhir, launch: 'x' }, looks).catch(() => ({ error: 'x' }))).error !== undefined

app.close()
console.log(JSON.stringify(seen))
process.exit(0)
