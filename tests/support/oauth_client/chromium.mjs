// fhirclient in a page of a real browser, on an origin of its own, against a running server. Prints JSON.
// node chromium.mjs ISSUER FHIR_BASE '{"chromium", "chart", "ehr", "secret", "name", "password", "patient", "port"}'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import puppeteer from 'puppeteer-core'

const [issuer, fhir, given] = process.argv.slice(2)
const { chromium, chart, ehr, secret, name, password, patient, port } = JSON.parse(given)
const library = readFileSync('node_modules/fhirclient/build/fhir-client.min.js')
const origin = `http://127.0.0.1:${port}`
const seen = {}

// The app: the page that begins, by what its address says, and the one that the answer comes back to.
const begin = `FHIR.oauth2.authorize({
  clientId: '${chart}', redirectUri: '${origin}/back', pkceMode: 'required',
  scope: new URLSearchParams(location.search).get('scope'),
}).catch((error) => { document.title = 'failed: ' + error.message })`
const ready = `FHIR.oauth2.ready().then(
  (client) => { window.client = client; document.title = 'ready' },
  (error) => { document.title = 'failed: ' + error.message },
)`
const app = createServer((request, response) => {
  const path = new URL(request.url, origin).pathname
  if (path === '/library.js') return response.setHeader('content-type', 'text/javascript').end(library)
  const script = { '/launch': begin, '/back': ready }[path] ?? ''
  const html = `<!doctype html><title>app</title><script src="/library.js"></script><script>${script}</script>`
  response.setHeader('content-type', 'text/html').end(html)
}).listen(port, '127.0.0.1')

const opened = await puppeteer.launch({
  executablePath: chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
})

const submits = (page, selector) => Promise.all([page.waitForNavigation(), page.click(selector)])

// Does what a person does, page by page, until the app has its answer. Returns the page and its title.
async function person(query, decision) {
  const context = await opened.createBrowserContext()
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  await page.goto(`${origin}/launch?${new URLSearchParams(query)}`)
  for (let step = 0; step < 12; step += 1) {
    await page.waitForFunction(
      (at) => !location.href.startsWith(`${at}/launch`) || document.title.startsWith('failed'),
      {},
      origin,
    )
    if (page.url().startsWith(origin)) break
    if (await page.$('input[name=password]')) {
      await page.type('input[name=name]', name)
      await page.type('input[name=password]', password)
      await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')])
    } else if (await page.$(`input[name=patient][value="${patient}"]`)) {
      await page.click(`input[name=patient][value="${patient}"]`)
      await submits(page, 'form:last-of-type button')
    } else if (await page.$('input[name=search]')) {
      await page.$eval('input[name=search]', (field) => (field.value = ''))
      await page.type('input[name=search]', patient)
      await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')])
    } else if (await page.$(`button[value=${decision}]`)) {
      await submits(page, `button[value=${decision}]`)
    } else break
  }
  await page.waitForFunction(() => /^(ready|failed)/.test(document.title)).catch(() => undefined)
  return { page, title: await page.title(), close: () => context.close() }
}

const looks = (page) =>
  page.evaluate(async () => ({
    patient: client.patient.id,
    user: client.user.fhirUser,
    family: (await client.patient.read()).name[0].family,
    others: (await client.request('Patient')).total,
    refused: await client.request('Condition').then(() => 'done', (error) => error.statusCode ?? error.status),
  }))

const scope = 'launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs'
const alone = await person({ iss: fhir, scope }, 'allow')
seen.standalone = alone.title === 'ready' ? await looks(alone.page) : { title: alone.title, at: alone.page.url() }
if (alone.title === 'ready') {
  seen.refreshed = await alone.page.evaluate(async () => {
    const before = client.state.tokenResponse
    await client.refresh()
    const after = client.state.tokenResponse
    return {
      another: after.access_token !== before.access_token && after.refresh_token !== before.refresh_token,
      reads: (await client.patient.read()).id,
    }
  })
  // an app that came by the same tokens twice: the first refresh token is spent, and the grant with it
  seen.afterReuse = await alone.page.evaluate(async () => {
    const { tokenUri, clientId } = client.state
    const refresh = (token) =>
      fetch(tokenUri, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: clientId }),
      }).then((answer) => answer.json())
    const last = client.state.tokenResponse.refresh_token
    await refresh(last)
    const reads = async () => client.patient.read().then(() => 'done', (error) => error.status ?? error.statusCode)
    return [(await refresh(last)).error, await reads()]
  })
  // what a page of another origin may ask for ahead of a request with headers of its own
  seen.preflight = await alone.page.evaluate(
    (token) => fetch(token, { method: 'POST', headers: { dpop: 'x' } }).then((answer) => answer.status),
    `${issuer}/token`,
  )
}
await alone.close()

const denied = await person({ iss: fhir, scope }, 'deny')
seen.denied = denied.title
await denied.close()

const context = new URLSearchParams({ app: chart, patient })
const headers = { authorization: `Basic ${Buffer.from(`${ehr}:${secret}`).toString('base64')}` }
const made = await (await fetch(`${issuer}/launch`, { method: 'POST', body: context, headers })).json()
const asked = { iss: fhir, launch: made.launch, scope: scope.replace('launch/patient', 'launch') }
const launched = await person(asked, 'allow')
seen.ehr = launched.title === 'ready' ? await looks(launched.page) : { title: launched.title, at: launched.page.url() }
await launched.close()

await opened.close()
app.close()
console.log(JSON.stringify(seen))
process.exit(0)
