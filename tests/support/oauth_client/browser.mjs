// A browser as far as sign-in pages need one: cookies, redirects within one server, and forms.
export function browser(issuer) {
  const cookies = new Map()

  // Follows redirects until there is a page, or until one leads away from the server.
  async function browse(target, form) {
    for (let place = new URL(target); ; ) {
      const response = await fetch(place, {
        method: form ? 'POST' : 'GET',
        body: form && new URLSearchParams(form),
        redirect: 'manual',
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      })
      for (const cookie of response.headers.getSetCookie()) {
        const [name, value] = cookie.split(';')[0].split('=')
        cookies.set(name, value)
      }
      const next = response.headers.get('location')
      if (!next) return { place, html: await response.text() }
      if (!next.startsWith(issuer)) return { answer: new URL(next) }
      place = new URL(next)
      form = undefined
    }
  }

  // Sends the last form of a page.
  async function send(shown, filled, place = shown.place) {
    const last = shown.html.slice(shown.html.lastIndexOf('<form'))
    const hidden = [...last.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map((m) => [m[1], m[2]])
    return browse(place, { ...Object.fromEntries(hidden), ...filled })
  }

  // Signs in and allows what is asked, as far as each is needed, until the app has its answer.
  async function agree(target, { name, password, patient }) {
    let shown = await browse(target)
    for (let step = 0; shown.html && step < 6; step += 1) {
      if (shown.html.includes('name="password"')) shown = await send(shown, { name, password })
      else if (shown.html.includes('name="patient"')) shown = await send(shown, { patient })
      else if (shown.html.includes('name="search"')) shown = await send(shown, { search: patient })
      else if (shown.html.includes('value="allow"')) shown = await send(shown, { answer: 'allow' })
      else break
    }
    if (!shown.answer) throw new Error(`no answer: ${shown.html}`)
    return shown.answer
  }

  return { browse, send, agree }
}
