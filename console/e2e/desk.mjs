// What a duty officer does, in a browser, before the real program (issue 5,
// acceptance 8). The storm of `freshet demo` comes to its first red warning after
// some 360 steps of five minutes.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { coldStarts, median, shellWithoutAnswers } from './paint.mjs'
import { pageTests } from './pages.mjs'
import { calm, look, narrow, openBrowser, serious, Server, signIn, until, watch, wide } from './stage.mjs'

const beforeRed = 340

let server, browser
before(async () => {
  server = await Server.open()
  browser = await openBrowser()
})
after(async () => {
  await browser?.close()
  await server?.close()
})

test('an officer sees a new red, hears it, acknowledges and shelves it, and reads the forecast', async () => {
  let { step } = await server.hand.play(beforeRed)
  const before = new Set((await reds()).map((s) => s.station))
  const { page, context, faults } = await signIn(browser, server, 'officer')
  await page.getByTestId('engine-now').filter({ hasText: '20' }).waitFor()

  // Hand-over: sound is off and says so, until somebody turns it on.
  assert.equal(await page.getByTestId('sound').getAttribute('aria-pressed'), 'false')
  await page.getByTestId('sound').click()
  await until('the sound of the hand-over', () => page.evaluate(() => window.deskNotes.played.length > 0))
  assert.equal(await page.getByTestId('sound').getAttribute('aria-pressed'), 'true')

  let red, submitted
  while (!red) {
    assert(step < 700, 'the storm brings no red')
    submitted = Date.now() // before the reports are sent that bring it: the log holds them no sooner
    ;({ step } = await server.hand.play(step + 1))
    red = (await reds()).find((s) => !before.has(s.station))
  }
  const alarm = page.getByTestId(`alarm-${red.station}`)
  await alarm.and(page.locator('.red')).waitFor()
  const notes = await until('the message of the red', () => page.evaluate(({ station, submitted }) => {
    const n = window.deskNotes
    const [id, d] = Object.entries(n.delivered).find(([, d]) => d.station === station && d.to === 'STAGE_RED') ?? []
    const since = (at) => performance.timeOrigin + at - submitted
    return id && n.shown[id] && n.red[station] && { at: d.at, delivered: since(d.at), message: since(n.shown[id]), alarm: since(n.red[station]) }
  }, { station: red.station, submitted }))
  console.log(`red of ${red.station}: delivered ${notes.delivered.toFixed(0)} ms, message ${notes.message.toFixed(0)} ms, alarm ${notes.alarm.toFixed(0)} ms after its reports were sent`)
  assert(notes.message < 2000 && notes.alarm < 2000, `seen ${JSON.stringify(notes)} ms after its reports were sent`)
  await until('the urgent sound', () => page.evaluate((at) => window.deskNotes.played.some((p) => p.at > at && p.src.endsWith('/sounds/urgent.wav')), notes.at))
  await look(page, 'feed-red-1440')

  // Acknowledge, then shelve with a reason.
  assert.equal(await alarm.getAttribute('data-state'), 'unacknowledged')
  await page.getByTestId(`ack-${red.station}`).click()
  await alarm.and(page.locator('[data-state=acknowledged]')).waitFor()
  const kept = async () => (await server.get('/v1/alarms')).alarms.find((a) => a.station === red.station)
  assert.equal((await kept()).by.name, 'officer')
  await page.getByTestId(`shelve-${red.station}`).click()
  await page.getByTestId('shelve-1h').check()
  await page.getByTestId('reason-text').fill('已会商，按预案处置')
  await look(page, 'shelve-1440')
  await page.getByTestId('dialog-confirm').click()
  await alarm.and(page.locator('[data-state=shelved]')).waitFor()
  const shelved = await kept()
  assert.equal(shelved.state, 'ALARM_STATE_SHELVED')
  assert.equal(shelved.reason, '已会商，按预案处置')

  // The hydrograph, and the peak that the forecast gives.
  await page.getByTestId(`open-${red.station}`).click()
  await page.locator('canvas').first().waitFor()
  const { forecast } = await server.get(`/v1/forecasts/latest?station=${red.station}`)
  const want = forecast.stations[0].peak
  const peak = page.getByTestId('forecast-peak')
  await until('the peak of the latest run', async () => Math.abs(Number(await peak.getAttribute('data-value')) - want.level) < 1e-6)
  assert.equal((await peak.textContent()).trim().split(/\s/)[0], want.level.toFixed(2))
  await look(page, 'station-red-1440')

  // The language, by a click, and back.
  await page.getByTestId('language').click()
  await page.locator('html[lang=en]').waitFor()
  await page.getByTestId('nav-feed').filter({ hasText: 'Warnings' }).waitFor()
  await look(page, 'station-en-1440')
  await page.getByTestId('language').click()
  await page.locator('html[lang=zh-CN]').waitFor()
  assert.deepEqual(faults, [])
  await context.close()
})

test('a restart of the server loses no item of the feed and doubles none', async () => {
  const { page, context, faults } = await signIn(browser, server, 'officer')
  const row = page.getByTestId('message')
  await row.first().waitFor()
  await server.kill()
  await page.getByTestId('connection-lost').waitFor()
  assert.equal(await page.getByTestId('shell').getAttribute('data-stale'), 'true')
  const count = await row.count()
  await server.start()
  let { step, now } = await server.hand.do({ connect: true })
  // Sessions outlive the server: the page goes on by itself.
  const newer = async () => (await server.get(`/v1/warnings?from=${now}&to=2027-01-01T00:00:00Z`)).warnings.filter((w) => w.at > now)
  await until('warnings after the restart', async () => {
    ;({ step } = await server.hand.play(step + 6))
    return (await newer()).length > 3
  })
  await page.getByTestId('connection-lost').waitFor({ state: 'detached' })
  // All that the archive holds is on the page, once each; nothing else is.
  const ids = async () => {
    for (let older; (older = page.getByTestId('message-log').locator('button')), await older.count(); ) await older.click()
    return row.evaluateAll((rows) => rows.map((r) => r.dataset.id))
  }
  const archived = async () => (await server.get('/v1/warnings?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z')).warnings.map((w) => w.id)
  let want, got
  await until('the page to hold what the archive holds', async () => {
    want = await archived()
    got = await ids()
    return want.every((id) => got.includes(id))
  })
  assert.equal(new Set(got).size, got.length, 'a message stands twice')
  const fed = await page.evaluate(() => Object.keys(window.deskNotes.delivered))
  assert.deepEqual(got.filter((id) => fed.includes(id)).sort(), want.slice().sort())
  assert(got.length > count)
  assert.deepEqual(faults, [])
  await context.close()
})

pageTests(() => ({ server, browser }))

test('by keyboard alone: a red is found, acknowledged and shelved, and its hydrograph opened', async () => {
  const { page, context, faults } = await signIn(browser, server, 'officer', wide, '/', calm)
  const waiting = page.locator('[data-testid^=alarm-].red[data-state=unacknowledged]').first()
  await until('a red that nobody has acknowledged', async () => {
    if ((await waiting.count()) > 0) return true
    const { step } = await server.hand.do({})
    await server.hand.play(step + 6)
  })
  const station = (await waiting.getAttribute('data-testid')).slice('alarm-'.length)
  const alarm = page.getByTestId(`alarm-${station}`)
  const focused = () => page.evaluate(() => {
    const e = document.activeElement
    const s = getComputedStyle(e)
    return { id: e.dataset.testid ?? '', what: e.outerHTML.slice(0, 120), seen: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 }
  })
  // Where Tab stops, one sees that it has.
  const tabTo = async (id, most) => {
    for (let i = 0; i < most; i++) {
      await page.keyboard.press('Tab')
      const at = await focused()
      assert(at.seen, `the focus cannot be seen at ${at.what}`)
      if (at.id === id) return
    }
    assert.fail(`${most} times Tab do not lead to ${id}`)
  }
  await page.reload()
  await waiting.waitFor()
  await tabTo('skip', 1)
  await page.keyboard.press('Enter')
  await tabTo(`ack-${station}`, 120)
  await page.keyboard.press('Enter')
  await alarm.and(page.locator('[data-state=acknowledged]')).waitFor()
  // The button is gone; the focus has stayed with the station.
  await until('the focus to stay', async () => (await focused()).id === `open-${station}`)
  await tabTo(`shelve-${station}`, 4)
  await page.keyboard.press('Enter')
  await page.getByTestId('alarm-dialog').waitFor()
  assert.deepEqual(await serious(page, { within: '[data-testid=alarm-dialog]' }), [])
  await tabTo('reason-text', 4)
  await page.keyboard.type('已会商')
  await tabTo('dialog-confirm', 7)
  await page.keyboard.press('Enter')
  await alarm.and(page.locator('[data-state=shelved]')).waitFor()
  await until('the focus to come back', async () => (await focused()).id === `open-${station}`)
  await page.keyboard.press('Enter')
  await page.locator('[data-testid=hydrograph][data-drawn=true]').waitFor()
  await tabTo('range-24', 60)
  await page.keyboard.press('Enter')
  await page.locator('[data-testid=range-24][aria-pressed=true]').waitFor()
  assert.deepEqual(faults, [])
  await context.close()
})

test('why a stage stands: from the feed to the explanation, which the server replays', async () => {
  const { page, context, faults } = await signIn(browser, server, 'officer', wide, '/', calm)
  const red = (await server.get('/v1/warnings?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z')).warnings.findLast((w) => w.to === 'STAGE_RED' && w.station.startsWith('h-'))
  const { explanation } = await server.get(`/v1/warnings/explain?id=${encodeURIComponent(red.id)}`)
  const why = page.locator(`[data-testid="why-${red.id}"]`)
  const older = page.getByTestId('message-log').getByRole('button')
  await page.getByTestId('message').first().waitFor()
  while ((await why.count()) === 0 && (await older.count()) > 0) await older.click()
  // An answer that takes long is waited for in words; one that fails says why, and is asked for again.
  let open
  const gate = new Promise((r) => (open = r))
  await page.route(/\/v1\/warnings\/explain\?/, async (route) => {
    await gate
    await route.fulfill({ status: 503, contentType: 'application/json', body: '{"code":14,"message":"out of order"}' })
  }, { times: 1 })
  await why.click()
  await page.getByTestId('explain-progress').waitFor()
  open()
  await page.getByTestId('explain-failed').filter({ hasText: 'out of order' }).waitFor()
  await page.getByTestId('explain-failed').getByRole('button').click()
  const panel = page.locator('[data-testid=explain][data-state=done]')
  await panel.waitFor()
  assert.equal(await panel.getAttribute('data-warning'), red.id)
  // What decided, its threshold and clock, the rules, what was seen, the readings, the run: as the server says.
  const decisive = explanation.quantities.find((q) => q.decides && q.evidence && q.to === 'STAGE_RED')
  const unit = decisive.variable === 'VARIABLE_WATER_LEVEL' ? 2 : null
  const words = (await page.getByTestId('explain-decisive').first().textContent()).replace(/\s+/g, ' ')
  if (unit) assert(words.includes(decisive.value.toFixed(unit)) && words.includes(decisive.steps.find((s) => s.stage === 'STAGE_RED').threshold.toFixed(unit)), words)
  assert(words.includes('由此定级'), words)
  assert((await page.getByTestId('explain-rules').textContent()).includes(explanation.catalogue))
  assert((await page.getByTestId('explain-run').textContent()).includes(explanation.run.honestyZh))
  assert.equal(await page.getByTestId('explain-sight').locator('li').count(), explanation.sights.length + (explanation.refusal ? 1 : 0))
  const unfold = page.getByTestId('explain-readings').getByRole('button')
  while ((await unfold.count()) > 0) await unfold.first().click()
  assert.equal(await page.getByTestId('explain-readings').locator('tbody tr').count(), explanation.readings.length)
  assert.equal(await page.getByTestId('explain-lines').locator('li').count(), explanation.linesZh.length)
  await page.locator('[data-testid=hydrograph][data-drawn=true]').waitFor()
  assert.equal(await page.getByTestId('resource-error').count(), 0, 'the page could not get all that it shows')
  await look(page, 'explain-1440')
  assert.deepEqual(await serious(page), [])
  await page.getByTestId('language').click()
  await page.getByTestId('explain-run').filter({ hasText: explanation.run.honestyEn }).waitFor()
  await page.getByTestId('language').click()
  await page.setViewportSize(narrow)
  await look(page, 'explain-390')
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, 'it scrolls sideways')
  await page.getByTestId('explain-close').click()
  await page.getByTestId('explain').waitFor({ state: 'detached' })
  // From the station's own page: the latest change.
  await page.getByTestId('explain-open').click()
  const mine = (await server.get('/v1/warnings?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z')).warnings.filter((w) => w.station === red.station)
  const latest = mine.reduce((a, b) => (b.at > a.at ? b : a))
  await page.locator(`[data-testid=explain][data-state=done][data-warning="${latest.id}"]`).waitFor()
  assert.deepEqual(faults, [])
  await context.close()
})

test('a briefing opens with the last briefing hour, reads what changed, picks another instant, prints', async () => {
  await server.hand.play(beforeRed)
  const { page, context, faults } = await signIn(browser, server, 'briefing', wide, '/briefing', calm)
  const half = 12 * 3600_000
  const iso = (at) => new Date(at).toISOString().replace('.000Z', 'Z')
  const now = Date.parse((await server.get('/v1/stages')).now)
  const hour = Math.floor(now / half) * half // 08:00 and 20:00 in Beijing
  const [at, from] = [iso(hour), iso(hour - half)]
  const [want, { diff }] = await Promise.all([server.get(`/v1/briefings/situation?asOf=${at}`), server.get(`/v1/briefings/diff?from=${from}&to=${at}`)])
  await page.locator(`[data-testid=situation][data-hash="${want.hash}"]`).waitFor()
  await page.getByTestId('diff').waitFor()
  const bad = want.situation.board.filter((r) => r.stage !== 'STAGE_CLEAR')
  assert(bad.length > 0)
  assert.equal(await page.locator('[data-testid^=situation-row-]').count(), bad.length)
  // The diff, number by number.
  const said = (id) => page.getByTestId(id).textContent()
  for (const [k, n] of [['worse', diff.worse.length], ['lost', diff.lost.length], ['better', diff.better.length], ['forecasts', diff.forecasts.length], ['opened', diff.opened.length], ['overdue', diff.late.length]]) {
    assert.equal(parseInt(await said(`diff-count-${k}`), 10), n, k)
  }
  assert(diff.worse.length > 0 && diff.forecasts.length > 0)
  assert.equal(await page.getByTestId('diff-worse').locator('li').count(), diff.worse.length)
  const wet = diff.rain.filter((r) => r.rain > 0)
  assert((await said(`diff-rain-${wet[0].station}`)).includes(`${wet[0].rain.toFixed(1)} 毫米`))
  const moved = diff.forecasts.find((f) => typeof f.levelChange === 'number' && Math.abs(f.levelChange) > 0.01)
  assert((await said(`diff-forecast-${moved.station}`)).includes(`${moved.levelChange > 0 ? '+' : '−'}${Math.abs(moved.levelChange).toFixed(2)} 米`))
  await look(page, 'briefing-1440')
  assert.deepEqual(await serious(page), [])
  // Papers of that instant, and of what changed.
  for (const kind of ['html', 'xlsx', 'txt']) {
    const href = await page.getByTestId(`pack-${kind}`).getAttribute('href')
    const q = new URLSearchParams(href.split('?')[1])
    assert.deepEqual([q.get('as_of'), q.get('since')], [at, from])
    const r = await page.request.get(server.url + href)
    assert.equal(r.status(), 200, kind)
    if (kind === 'html') assert((await r.text()).includes(want.hash.slice(0, 8)))
  }
  // Another instant: the address is the picture, whoever opens it sees the same.
  const other = Math.floor(now / 3600_000) * 3600_000 - 3600_000
  await page.getByTestId('briefing-at').fill(new Date(other + 8 * 3600_000).toISOString().slice(0, 16))
  await page.getByTestId('briefing-show').click()
  const later = await server.get(`/v1/briefings/situation?asOf=${iso(other)}`)
  await page.locator(`[data-testid=situation][data-hash="${later.hash}"]`).waitFor()
  await page.reload()
  await page.locator(`[data-testid=situation][data-hash="${later.hash}"]`).waitFor()
  await page.getByTestId(`briefing-hour-${at}`).click()
  await page.getByTestId('diff').waitFor()
  await page.setViewportSize(narrow)
  await look(page, 'briefing-390')
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, 'it scrolls sideways')
  await page.getByTestId('theme').click()
  assert.deepEqual(await serious(page), [], 'narrow, in the light')
  await page.getByTestId('theme').click()
  await page.setViewportSize(wide)
  // On paper: the picture with all that is folded away on the screen, no buttons, no live counts.
  await page.emulateMedia({ media: 'print' })
  assert.equal(await page.locator('[data-testid^=diff-rain-]').filter({ visible: true }).count(), wet.length)
  assert.equal(await page.getByTestId('briefing-picker').isVisible(), false)
  assert.equal(await page.getByTestId('status-bar').isVisible(), false)
  assert((await page.pdf({ format: 'A4' })).length > 20_000)
  await page.emulateMedia({ media: 'screen' })
  // An instant that has not come yet is no picture.
  await page.getByTestId('briefing-at').fill('2027-01-01T00:00')
  await page.getByTestId('briefing-show').click()
  await page.getByTestId('briefing-failed').waitFor()
  assert.equal(await page.getByTestId('situation').count(), 0)
  assert.deepEqual(faults, [])
  await context.close()
})

test('rehearsals are asked, compared, searched for and printed, and cannot be taken for the situation', async () => {
  await server.hand.play(beforeRed)
  const { page, context, faults } = await signIn(browser, server, 'briefing', wide, '/rehearsal', calm)
  const ask = async (path, body) => {
    const r = await fetch(server.url + path, { method: 'POST', headers: { Authorization: `Bearer ${await server.token('briefing')}` }, body: JSON.stringify(body) })
    return r.json()
  }
  const answer = page.getByTestId('rehearsal-answer')
  const live = await server.get('/v1/stages')
  // What is wrong is said beside the field, in the server's words.
  await page.getByTestId('rehearsal-name').fill('六小时 200 毫米')
  await page.getByTestId('rehearsal-rain').selectOption('STORM')
  await page.getByTestId('rehearsal-total').fill('-3')
  await page.getByTestId('rehearsal-run').click()
  const wrong = await ask('/v1/rehearsals', { scenario: { rain: { kind: 'SCENARIO_RAIN_KIND_STORM', total: -3, durationS: 21600, peak: 0.5 } } })
  const { field, description } = wrong.details[0].fieldViolations[0]
  assert.equal((await page.getByTestId(`fault-${field}`).textContent()).trim(), description)
  await page.getByTestId('rehearsal-total').fill('200')
  await page.getByTestId('rehearsal-run').click()
  await answer.waitFor()
  const storm = await answer.getAttribute('data-id')
  const { rehearsal } = await server.get(`/v1/rehearsals/${storm}`)
  const told = rehearsal.stations.filter((s) => s.asked || s.base)
  assert.equal(await page.locator('[data-testid^=rehearsed-]').count(), told.length)
  const most = told.filter((s) => typeof s.level === 'number').sort((a, b) => Math.abs(b.level) - Math.abs(a.level))[0]
  const row = await page.getByTestId(`rehearsed-${most.station}`).textContent()
  for (const x of [most.base.peak.level, most.asked.peak.level, Math.abs(most.level)]) assert(row.includes(x.toFixed(2)), `${row}: ${x}`)
  // Its curves, hours to each stage, and the plan walked.
  const curves = page.getByTestId('rehearsal-curves')
  assert.equal(await curves.getAttribute('data-station'), most.station)
  await curves.locator('[data-drawn=true]').waitFor()
  const reached = most.asked.stages.find((s) => s.at && s.variable === 'VARIABLE_WATER_LEVEL')
  assert((await page.getByTestId(`stage-row-${reached.stage.slice(6).toLowerCase()}`).first().textContent()).includes(`${reached.hours.toFixed(1)} 小时`))
  const measures = new Set([...rehearsal.walk.measures, ...rehearsal.baseWalk.measures].map((m) => `${m.plan} ${m.measure.level} ${m.measure.id}`))
  assert.equal(await page.locator('[data-testid^=walked-]').count(), measures.size)
  assert.equal(await page.getByTestId('walk-clashes').locator('li.bad').count(), rehearsal.walk.clashes.length)
  // Frame, watermark, banner and title say what it is, whatever part of it is in
  // view, on paper too; and what is live is as it was.
  const marked = async () => {
    assert((await page.title()).includes('推演'))
    assert(await page.getByTestId('rehearsal-banner').isVisible())
    assert((await page.getByTestId('watermark').textContent()).includes('REHEARSAL'))
    const covers = await page.evaluate(() => {
      const [water, frame, all] = ['watermark', 'frame', 'rehearsal-page'].map((id) => document.querySelector(`[data-testid=${id}]`))
      const fixed = getComputedStyle(water).position === 'fixed' && getComputedStyle(frame).position === 'fixed' // of paper: on every sheet
      const [w, a] = [water.getBoundingClientRect(), all.getBoundingClientRect()]
      return fixed || (w.width >= a.width - 1 && w.height >= a.height - 1 && water.lastElementChild.getBoundingClientRect().bottom >= a.bottom)
    })
    assert(covers, 'the watermark leaves a part of the rehearsal free')
  }
  await marked()
  await look(page, 'rehearsal-1440')
  assert.deepEqual(await serious(page), [])
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight))
  assert(await page.getByTestId('rehearsal-banner').isVisible())
  await page.emulateMedia({ media: 'print' })
  await marked()
  assert.equal(await page.getByTestId('status-bar').isVisible(), false, 'live counts on the paper of a rehearsal')
  assert((await page.pdf({ format: 'A4' })).length > 20_000)
  await page.emulateMedia({ media: 'screen' })
  assert.deepEqual((await server.get('/v1/stages')).stages, live.stages)
  // The link is the answer: whoever opens it sees the same.
  await page.goto(await page.getByTestId('rehearsal-link').getAttribute('href'))
  await page.locator(`[data-testid=rehearsal-answer][data-id="${storm}"]`).waitFor()
  // Another one, with a release that is ordered, beside it.
  await page.goto(`${server.url}/rehearsal`)
  await page.getByTestId('order-jinjiang').selectOption('releases')
  await page.getByTestId('release-jinjiang-0').fill('600')
  await page.getByTestId('rehearsal-run').click()
  await answer.waitFor()
  const release = await answer.getAttribute('data-id')
  await page.getByTestId('view-kept').click()
  for (const id of [storm, release]) await page.getByTestId(`choose-${id}`).check()
  await page.getByTestId('compare').click()
  await page.locator(`[data-testid=comparison][data-ids="${storm},${release}"]`).waitFor()
  const { stations } = await server.get(`/v1/rehearsals/${storm}/against/${release}`)
  const d = stations.find((s) => s.station === most.station)
  assert((await page.getByTestId(`difference-1-${most.station}`).textContent()).includes(`${d.level > 0 ? '+' : '−'}${Math.abs(d.level).toFixed(2)} 米`))
  assert.equal(await page.getByTestId('curve-legend').locator('svg').count(), 3)
  await curves.locator('[data-drawn=true]').waitFor()
  await marked()
  await page.setViewportSize(narrow)
  await marked()
  await look(page, 'compare-390')
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, 'it scrolls sideways')
  await page.getByTestId('theme').click()
  assert.deepEqual(await serious(page), [], 'narrow, in the light')
  await page.getByTestId('theme').click()
  await page.setViewportSize(wide)
  await page.getByTestId('compare-print').waitFor()
  // A search tells how far it is, is stopped, and asked again finds what its rehearsal shows.
  await page.getByTestId('view-search').click()
  await page.getByTestId('search-jinjiang').check()
  for (const other of ['dashahe', 'zhenhai']) await page.getByTestId(`search-${other}`).uncheck()
  await page.getByTestId('search-jinjiang-most').fill('800')
  await page.getByTestId('search-runs').fill('5000')
  await page.getByTestId('search-run').click()
  await page.getByTestId('search-progress').locator('progress').waitFor()
  await page.getByTestId('search-cancel').click()
  await page.getByTestId('search-cancelled').waitFor()
  await page.getByTestId('search-runs').fill('40')
  await page.getByTestId('search-pieces').fill('2')
  await page.getByTestId('search-points').fill('2')
  await page.getByTestId('search-run').click()
  const found = page.getByTestId('search-result')
  await found.waitFor({ timeout: 60_000 })
  const worst = Number(await found.getAttribute('data-worst'))
  assert((await page.getByTestId('search-worst').textContent()).includes(Math.abs(worst).toFixed(2)))
  assert(await found.getByTestId('trade-point').count() > 0)
  await answer.waitFor()
  const best = (await server.get(`/v1/rehearsals/${await answer.getAttribute('data-id')}`)).rehearsal
  // The worst of the targets is the lowest level stage that is passed by most.
  const over = best.stations.flatMap((s) => (s.asked?.stages ?? []).filter((x) => x.variable === 'VARIABLE_WATER_LEVEL').map((x) => s.asked.peak.level - x.value).sort((a, b) => b - a).slice(0, 1))
  assert(over.some((x) => Math.abs(x - worst) < 0.05), `${worst} is none of ${over}`)
  await marked()
  await look(page, 'search-1440')
  // Who kept it deletes it.
  await page.getByTestId('view-kept').click()
  await page.getByTestId(`delete-${release}`).click()
  await page.getByTestId(`delete-sure-${release}`).click()
  await page.getByTestId(`kept-${release}`).waitFor({ state: 'detached' })
  assert(!(await server.get('/v1/rehearsals')).rehearsals.some((r) => r.id === release))
  await page.getByTestId('nav-feed').click()
  await page.getByTestId('feed-page').waitFor()
  assert(!(await page.title()).includes('推演'))
  assert.deepEqual(faults, [])
  await context.close()
})

test('a sound that fails is tried again and said in red; only a browser that forbids it disarms', async () => {
  const { page, context, faults } = await signIn(browser, server, 'officer')
  const sound = page.getByTestId('sound')
  const played = () => page.evaluate(() => window.deskNotes.played.length)
  await page.route('**/sounds/*', (route) => route.abort())
  await sound.click()
  await sound.and(page.locator('[data-failed=true].off')).waitFor()
  assert.equal(await sound.getAttribute('aria-pressed'), 'true', 'a file that does not come disarms the alarm')
  assert.equal(await played(), 0)
  await page.unroute('**/sounds/*')
  await until('the sound to be tried again', async () => (await played()) > 0)
  await sound.and(page.locator('[data-failed=false]:not(.off)')).waitFor()
  assert.equal(await sound.getAttribute('aria-pressed'), 'true')
  // Somebody's browser forbids it from now on.
  await page.evaluate(() => {
    HTMLMediaElement.prototype.play = () => Promise.reject(new DOMException('forbidden', 'NotAllowedError'))
  })
  await sound.click()
  await sound.click()
  await sound.and(page.locator('[aria-pressed=false].off')).waitFor()
  assert.deepEqual(faults, [])
  await context.close()
})

test('the first paint, in a browser that has nothing of the console yet', async () => {
  const { context } = await signIn(browser, server, 'officer')
  const state = await context.storageState()
  await context.close()
  await shellWithoutAnswers(browser, server.url, state)
  const all = await coldStarts(browser, server.url, state)
  const of = (k) => all.map((x) => Math.round(x[k]))
  console.log(`first contentful paint ${median(of('fcp'))} ms (${of('fcp').join(', ')}), list ${median(of('list'))} ms (${of('list').join(', ')}), with ${of('files').join(', ')} files of the console, ${of('bytes').join(', ')} bytes`)
  // The clock is the machine's and is only told; what the page needs is the console's.
  for (const x of all) assert(x.files > 0 && x.files <= 16 && x.bytes <= 112_000, `${x.files} files and ${x.bytes} bytes for the first page`)
})

test('the plan is declared by a person, its measures are ticked, a call is confirmed', async () => {
  const { page, context, faults } = await signIn(browser, server, 'admin', wide, '/plan')
  const plan = page.getByTestId('plan-water')
  await plan.getByTestId('declare-proposed').click()
  await page.getByTestId('say-text').fill('按会商意见')
  await page.getByTestId('say-confirm').click()
  await plan.and(page.locator(':not([data-declared=UNSPECIFIED])')).waitFor()
  const measure = plan.locator('[data-testid^=measure-][data-state=OPEN]').first()
  const id = (await measure.getAttribute('data-testid')).slice('measure-'.length)
  await plan.getByTestId(`done-${id}`).first().click()
  await page.getByTestId('say-text').fill('王某等 6 人 06:40 到岗')
  await page.getByTestId('say-confirm').click()
  await plan.locator(`[data-testid=measure-${id}][data-state=DONE]`).first().waitFor()
  const call = page.locator('[data-testid^=call-]').filter({ has: page.locator('[data-testid^=confirm-]') }).first()
  const person = (await call.getAttribute('data-testid')).slice('call-'.length)
  await call.getByTestId(`confirm-${person}`).click()
  await page.getByTestId('say-text').fill('电话确认')
  await page.getByTestId('say-confirm').click()
  await page.locator(`[data-testid=call-${person}][data-outcome=CONFIRMED]`).first().waitFor()
  // For paper: the server's sheet, with what was ticked.
  const [sheet] = await Promise.all([context.waitForEvent('page'), page.getByTestId('sheet').click()])
  await sheet.getByText('王某等 6 人 06:40 到岗').waitFor()
  await look(sheet, 'sheet')
  assert.deepEqual(await serious(sheet), [])
  await sheet.setViewportSize(narrow)
  await look(sheet, 'sheet-390')
  assert.equal(await sheet.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, 'the sheet scrolls sideways')
  await sheet.close()
  const { responses } = await server.get('/v1/responses')
  const water = responses.find((r) => r.plan === 'water')
  assert.equal(water.by.name, 'admin')
  assert.equal(water.measures.find((m) => m.id === id).state, 'MEASURE_STATE_DONE')
  assert.deepEqual(faults, [])
  await context.close()
})

const pages = [
  { name: 'feed', path: '/', ready: (p) => p.getByTestId('message').first().waitFor() },
  { name: 'stations', path: '/stations', ready: (p) => p.locator('[data-testid^=row-]:visible, [data-testid^=card-]:visible').first().waitFor() },
  { name: 'station', path: '/stations/h-enping', ready: (p) => p.locator('canvas').first().waitFor() },
  { name: 'map', path: '/map', ready: (p) => p.locator('[data-testid=map] [data-station] [data-stage]').first().waitFor() },
  { name: 'plan', path: '/plan', ready: (p) => p.getByTestId('plan-water').waitFor() },
  { name: 'health', path: '/health', ready: (p) => p.getByTestId('gateways').getByRole('row').nth(1).waitFor() },
]

test('every page, wide and narrow, dark and light: nothing serious for axe, no fault in the console, no sideways scrolling', { concurrency: 2 }, async (t) => {
  // What blinks is faint for a moment: looked at by somebody who asked for less motion.
  await Promise.all([wide, narrow].map((size) => t.test(`at ${size.width} px`, async (t) => {
    const { page, context, faults } = await signIn(browser, server, 'officer', size, '/', calm)
    for (const p of pages) {
      await t.test(p.name, async () => {
        await page.goto(server.url + p.path)
        await p.ready(page)
        await look(page, `${p.name}-${size.width}`)
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        assert.equal(over, 0, `${p.name} scrolls sideways by ${over} px`)
        assert.deepEqual(await serious(page), [])
        // The page is the same in the light, but for its colours.
        await page.getByTestId('theme').click()
        assert.deepEqual(await serious(page, { rules: ['color-contrast'] }), [], 'in the light')
        await page.getByTestId('theme').click()
        assert.deepEqual(faults.splice(0), [])
      })
    }
    await context.close()
  })))
  const context = await browser.newContext({ viewport: narrow })
  const page = await context.newPage()
  const faults = watch(page)
  await page.goto(server.url)
  await page.getByTestId('login').waitFor()
  await look(page, 'login-390')
  assert.deepEqual(await serious(page), [])
  await page.setViewportSize(wide)
  await page.getByTestId('theme').click()
  assert.deepEqual(await serious(page), [], 'wide and in the light')
  assert.deepEqual(faults, [])
  await context.close()
})

test('when every gateway falls silent, no station is green and the page says what is not seen', async () => {
  const { page, context } = await signIn(browser, server, 'officer', wide, '/health')
  const { step } = await server.hand.do({ silent: true })
  await server.hand.play(step + 6)
  await page.getByTestId('count-clear').filter({ hasText: /\b0$/ }).waitFor()
  const groups = page.getByTestId('blind-groups')
  await groups.locator('li').first().waitFor()
  const { stages } = await server.get('/v1/stages')
  assert.deepEqual(stages.filter((s) => s.stage === 'STAGE_CLEAR'), [])
  await look(page, 'health-silent-1440')
  await page.goto(`${server.url}/map`)
  await page.locator('[data-testid=map] [data-station] [data-stage=blind]').first().waitFor()
  assert.equal(await page.locator('[data-testid=map] [data-stage=clear]').count(), 0)
  await look(page, 'map-silent-1440')
  await context.close()
})

const reds = async () => (await server.get('/v1/stages')).stages.filter((s) => s.stage === 'STAGE_RED')
