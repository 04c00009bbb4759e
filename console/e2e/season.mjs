// The rain of the season in a browser: its numbers are those of the API.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { narrow, openBrowser, Server, signIn, until, wide } from './stage.mjs'

const shots = process.env.SHOTS
let server, browser
before(async () => {
  if (shots) await mkdir(shots, { recursive: true })
  server = await Server.open()
  browser = await openBrowser()
})
after(async () => {
  await browser?.close()
  await server?.close()
})

const look = async (page, name) => shots && page.screenshot({ path: join(shots, `${name}.png`), fullPage: true, animations: 'disabled' })

test('an officer reads the rain of the season, for the basin and for a station, as the API has it', async () => {
  await server.hand.play(60)
  const ask = (more = '') => server.get(`/v1/season?basin=tanjiang${more}`).then((r) => r.season)
  const want = await until('the archive to hold what the gauges sent', async () => {
    const s = await ask()
    return s.read.archiveBehind === '0' && s.basinRain.rain > 0 && s
  })
  const { page, context, faults } = await signIn(browser, server, 'officer')
  await page.getByTestId('nav-season').click()
  await page.getByTestId('season-page').waitFor()
  const value = (id) => page.getByTestId(id).getAttribute('data-value').then((v) => (v === null ? null : Number(v)))
  await until('the rain of the basin', async () => Math.abs((await value('season-rain')) - want.basinRain.rain) < 1e-9)
  assert.equal(await value('season-coverage'), want.basinRain.coverage)
  // An hour's rain of a season: so little of it must not be compared, neither here nor there.
  const withheld = want.basinRain.coverage < want.leastCoverage
  assert.equal(want.basinRain.withheldZh !== '', withheld)
  if (withheld) assert.deepEqual([want.basinRain.normal.anomaly, want.basinRain.normal.share, want.basinRain.rank].map((x) => x ?? null), [null, null, null])
  assert.equal(await value('season-anomaly'), want.basinRain.normal.anomaly ?? null)
  assert.equal(await page.getByTestId('season-withheld').count(), withheld ? 1 : 0)
  if (withheld) assert.equal(await page.getByTestId('season-withheld').innerText(), `⚠ ${want.basinRain.withheldZh}`)
  for (const id of ['season-anomaly', 'season-rank']) assert.equal((await page.getByTestId(id).innerText()) === '不给', withheld, id)
  assert.equal(await page.locator('[data-testid=season-curve]').getAttribute('data-withheld'), String(withheld))
  assert.equal(await page.getByTestId('season-line').innerText(), want.lineZh)
  assert.equal(await page.getByTestId('season-example').innerText(), '示例 · 非官方')
  for (const r of want.stations) {
    const cell = await page.getByTestId(`season-station-${r.id}`).getAttribute('data-rain')
    assert.equal(cell === null ? null : Number(cell), r.rain, r.id)
  }
  await page.locator('[data-testid=season-curve][data-drawn=true] canvas').first().waitFor()
  await look(page, 'season-1440')

  // A station: its own curve, and its gaps, which nobody filled.
  const id = want.stations.find((r) => r.rain !== null && r.normal).id
  await page.getByTestId(`season-station-${id}`).getByRole('button').click()
  const one = (await ask(`&station=${id}`)).stations.find((r) => r.id === id)
  await until('the rain of the station', async () => Math.abs((await value('season-rain')) - one.rain) < 1e-9)
  assert(page.url().includes(encodeURIComponent(`station:${id}`)) || page.url().includes(`station:${id}`))
  await page.getByTestId('season-rain').filter({ hasText: one.missingHours || one.partHours ? '≥' : 'mm' }).waitFor()
  await look(page, 'season-station-1440')
  await page.setViewportSize(narrow)
  await until('a page as wide as the screen', () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth))
  await look(page, 'season-390')
  await page.setViewportSize(wide)
  assert.deepEqual(faults, [])
  await context.close()
})
