// The desk that loses its server, or its session, while nobody looks: whoever
// sleeps before it must be woken (issue 5). The server is the real one and is
// killed; only the minutes that an officer sleeps are the page's belief.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { calm, look, openBrowser, serious, Server, signIn, until, wide } from './stage.mjs'

let server, browser
before(async () => {
  server = await Server.open()
  browser = await openBrowser()
  await server.hand.play(24)
})
after(async () => {
  await browser?.close()
  await server?.close()
})

const losses = (page) => page.evaluate(() => window.deskNotes.played.filter((p) => p.src === '/sounds/loss.wav').length)
const later = (page, millis) => page.evaluate((ms) => { window.deskNotes.later += ms }, millis)
/** Waits until the page has looked at its clock n times more: what it says of time moves. */
async function seconds(page, n) {
  for (let i = 0; i < n; i++) {
    const text = await page.getByTestId('connection-lost').textContent()
    await later(page, 1_000)
    await until('the page to count on', async () => (await page.getByTestId('connection-lost').textContent()) !== text)
  }
}

async function armed(page) {
  await page.getByTestId('engine-now').filter({ hasText: '20' }).waitFor()
  await page.getByTestId('sound').click()
  await until('the sound of the hand-over', () => page.evaluate(() => window.deskNotes.played.length > 0))
}

test('a server that is gone wakes the desk, in a hidden tab too, until somebody knows or it is back', async () => {
  const { page, context, faults } = await signIn(browser, server, 'officer', wide, '/', { timersStop: true })
  await armed(page)
  await until('the beat that a hidden tab keeps', () => page.workers().length > 0)
  const lost = page.getByTestId('connection-lost')
  // A restart that is as quick as most is seen and not heard.
  await server.kill()
  await lost.and(page.locator('[data-ring=no]')).waitFor()
  await server.start()
  await lost.waitFor({ state: 'detached' })
  assert.equal(await losses(page), 0)
  // Nobody starts it again. Within the grace it is seen only.
  await server.kill()
  await lost.and(page.locator('[data-ring=no]')).waitFor()
  const since = Number(await lost.getAttribute('data-since'))
  await later(page, since + 40_000 - await page.evaluate(() => Date.now()))
  await lost.filter({ hasText: /已 4\d 秒/ }).waitFor()
  assert.equal(await losses(page), 0, 'it sounds within the grace')
  await later(page, 20_000)
  await until('the sound of the loss', async () => (await losses(page)) === 1)
  await later(page, 15_000)
  await until('the sound again', async () => (await losses(page)) > 1)
  assert.deepEqual(await page.evaluate(() => window.deskNotes.played.filter((p) => p.src === '/sounds/loss.wav' && !p.held)), [], 'a tone that the server would have to send')
  // Somebody knows: quiet for ten minutes, and not longer.
  await page.getByTestId('i-know').click()
  await page.getByTestId('quiet-until').waitFor()
  const heard = await losses(page)
  for (const minutes of [1, 7]) {
    await later(page, minutes * 60_000)
    await seconds(page, 1)
  }
  assert.equal(await losses(page), heard, 'it sounds though somebody knows')
  await later(page, 2 * 60_000)
  await until('the sound after the silence', async () => (await losses(page)) > heard)
  // Back: quiet, and a computer that has slept an hour and finds its server is not woken.
  await server.start()
  await lost.waitFor({ state: 'detached' })
  const before = await losses(page)
  const again = page.waitForRequest(/\/v1\/warnings\/feed/)
  await later(page, 3600_000)
  await again
  await lost.waitFor({ state: 'detached' })
  assert.equal(await losses(page), before)
  assert.deepEqual(faults, [])
  await context.close()
})

test('the end of a session is said and heard before it comes, is put off without leaving the page, and wakes the desk', async () => {
  await server.kill()
  server.flags = ['--session-max', '10s']
  await server.start()
  const { page, context, faults } = await signIn(browser, server, 'officer', wide, '/health')
  const soon = page.getByTestId('session-soon')
  await soon.waitFor()
  await page.getByTestId('sound').click()
  await until('the sound before the end', async () => (await losses(page)) === 1)
  const ends = await soon.getAttribute('data-since')
  await page.evaluate(() => { window.deskNotes.same = true })
  await page.getByTestId('renew').click()
  await page.getByTestId('renew-token').fill('freshet_of_nobody')
  await page.getByTestId('renew-submit').click()
  await page.getByTestId('renew-failed').waitFor()
  await page.getByTestId('renew-token').fill(await server.token('officer'))
  await page.getByTestId('renew-submit').click()
  await page.getByTestId('renew-dialog').waitFor({ state: 'detached' })
  await until('the session to be the new one', async () => Number(await soon.getAttribute('data-since')) > Number(ends))
  assert(await page.evaluate(() => window.deskNotes.same && location.pathname === '/health'), 'the page was left')
  await page.getByTestId('link-state').and(page.locator('[data-state=live]')).waitFor()
  // Nobody renews it again.
  const ended = page.getByTestId('session-ended')
  await ended.waitFor()
  await page.getByTestId('login').waitFor()
  await until('the sound of the end', async () => (await losses(page)) > 1)
  await ended.getByTestId('i-know').click()
  await ended.getByTestId('quiet-until').waitFor()
  await page.getByTestId('token').fill(await server.token('officer'))
  await page.getByTestId('login-submit').click()
  await page.getByTestId('gateways').waitFor()
  await ended.waitFor({ state: 'detached' })
  assert.equal(await page.getByTestId('sound').getAttribute('aria-pressed'), 'true')
  assert.deepEqual(faults, [])
  await context.close()
})

// No server can be made to stand still or to fail on demand: the answer of the real
// one is changed on its way.
test('a forecast with holes, that failed, or that the clock says has expired, is said in words everywhere and heard once', async () => {
  if (server.flags.length) { // sessions are long again
    await server.kill()
    server.flags = []
    await server.start()
  }
  const { page, context, faults } = await signIn(browser, server, 'officer', wide, '/', calm)
  const lamp = (standing) => page.getByTestId('forecast-state').and(page.locator(`[data-standing=${standing}]`))
  await lamp('VALID').waitFor()
  assert.equal(await page.getByTestId('forecast-notice').count(), 0)
  let told = (w) => w
  await page.route(/\/v1\/forecasts\/watch/, async (route) => {
    const response = await route.fetch()
    const body = await response.json()
    await route.fulfill({ response, json: { watch: told(body.watch) } })
  })
  const ask = async (f) => {
    told = f
    await later(page, 16_000) // it asks each 15 s
  }
  await armed(page)
  const { node, id: station } = (await server.get('/v1/network?basin=tanjiang')).stations.find((s) => s.id === 'h-enping')
  const hole = (w) => ({ node, station, why: 'no solution of the reach', whyZh: '河段无解', from: w.issuedAt })
  await ask((w) => ({ ...w, standing: 'FORECAST_STANDING_PARTIAL', holes: [hole(w)], detail: 'one hole', detailZh: '缺一处' }))
  await lamp('PARTIAL').filter({ hasText: '预报不全' }).waitFor()
  const notice = page.getByTestId('forecast-notice')
  await notice.filter({ hasText: '缺一处' }).waitFor()
  await until('the sound of the loss', async () => (await losses(page)) === 1)
  await look(page, 'forecast-partial-1440')
  assert.deepEqual(await serious(page), [])
  await page.getByTestId('nav-health').click()
  await page.getByTestId('hole').filter({ hasText: '河段无解' }).waitFor()
  assert.deepEqual(await serious(page), [])
  await look(page, 'forecast-partial-health-1440')
  await page.getByTestId('nav-map').click()
  await page.locator(`[data-station=${station}]`).getByTestId('map-hole').waitFor({ state: 'attached' })
  assert.deepEqual(await serious(page), [])
  await look(page, 'forecast-partial-map-1440')
  await page.locator(`[data-station=${station}] .sign`).click()
  await page.getByTestId('forecast-hole').filter({ hasText: '此处无预报：' }).filter({ hasText: '河段无解' }).waitFor()
  assert.deepEqual(await serious(page), [])
  await look(page, 'forecast-partial-station-1440')
  await page.getByTestId('nav-feed').click()
  // The server says that it is well, and time has passed it by.
  const now = (await server.get('/v1/stages')).now
  await ask((w) => ({ ...w, validUntil: now }))
  await lamp('EXPIRED').waitFor()
  await notice.and(page.locator('[data-standing=EXPIRED]')).filter({ hasText: '不可再用' }).waitFor()
  await until('the sound of the loss', async () => (await losses(page)) === 2)
  await ask((w) => ({ ...w, standing: 'FORECAST_STANDING_FAILED', detail: 'it failed', detailZh: '本次失败' }))
  await lamp('FAILED').waitFor()
  await notice.filter({ hasText: '本次失败' }).waitFor()
  await until('the sound of the loss', async () => (await losses(page)) === 3)
  await ask((w) => w)
  await lamp('VALID').waitFor()
  await notice.waitFor({ state: 'detached' })
  assert.equal(await losses(page), 3)
  assert.deepEqual(faults, [])
  await context.close()
})
