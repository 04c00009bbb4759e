// What an officer does on the pages while the storm of desk.mjs stands.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calm, look, serious, signIn, until, wide } from './stage.mjs'

export function pageTests(stage) {
  test('the station table sorts and filters by what the board says', async () => {
    const { server, browser } = stage()
    const { page, context, faults } = await signIn(browser, server, 'officer', wide, '/stations')
    const rows = page.locator('[data-testid^=row-]')
    await rows.first().waitFor()
    const board = new Map((await server.get('/v1/board')).rows.map((r) => [r.station, r]))
    const shown = () => rows.evaluateAll((all) => all.map((r) => r.dataset.testid.slice('row-'.length)))
    const day = (r) => r.rain.find((x) => x.windowS === 86_400)?.rain ?? null
    const number = (v) => (typeof v === 'number' && !Number.isNaN(v) ? v : null)
    const sorted = async (of, sign) => {
      const values = (await shown()).map((id) => number(of(board.get(id))))
      assert(values.filter((v) => v !== null).length > 5)
      const known = values.findIndex((v) => v === null)
      if (known >= 0) assert(values.slice(known).every((v) => v === null), 'what has no value does not come last')
      const numbers = values.filter((v) => v !== null)
      for (let i = 1; i < numbers.length; i++) assert(sign * (numbers[i] - numbers[i - 1]) >= 0, `${numbers}`)
    }
    for (const [column, of] of [['level', (r) => r.level?.value], ['h24', day]]) {
      await page.getByTestId(`sort-${column}`).click()
      await page.locator('th[aria-sort=descending]').filter({ has: page.getByTestId(`sort-${column}`) }).waitFor()
      await sorted(of, -1)
      await page.getByTestId(`sort-${column}`).click()
      await page.locator('th[aria-sort=ascending]').filter({ has: page.getByTestId(`sort-${column}`) }).waitFor()
      await sorted(of, 1)
    }
    const only = async (what, keep) => {
      const want = [...board.values()].filter(keep).map((r) => r.station).sort()
      assert(want.length > 0 && want.length < board.size, `${what}: ${want.length} of ${board.size}: the test shows nothing`)
      await until(what, async () => JSON.stringify((await shown()).sort()) === JSON.stringify(want))
    }
    await page.getByTestId('filter-department').selectOption('hydrology')
    await only('the hydrology department', (r) => r.department === 'DEPARTMENT_HYDROLOGY')
    await page.getByTestId('filter-stage').selectOption('red')
    await only('its reds', (r) => r.department === 'DEPARTMENT_HYDROLOGY' && r.stage === 'STAGE_RED')
    assert.equal(new URL(page.url()).searchParams.get('stage'), 'red')
    await page.getByTestId('filter-department').selectOption('')
    await page.getByTestId('filter-stage').selectOption('')
    const one = board.get('h-enping')
    await page.getByTestId('filter-text').fill(one.nameZh)
    await only('a name', (r) => [r.nameZh, r.river, r.station].some((x) => x.includes(one.nameZh)))
    await page.getByTestId('filter-text').fill('')
    // A count at the top leads here, filtered.
    await page.getByTestId('count-orange').click()
    await until('the address to say orange', () => new URL(page.url()).searchParams.get('stage') === 'orange')
    assert.equal(await page.getByTestId('filter-stage').inputValue(), 'orange')
    // A row is a link to its hydrograph.
    await page.getByTestId('count-red').click()
    const first = (await until('a red', async () => (await shown())[0]))
    await page.getByTestId(`row-${first}`).click()
    await page.locator('[data-testid=hydrograph][data-drawn=true]').waitFor()
    assert.equal(new URL(page.url()).pathname, `/stations/${first}`)
    assert.deepEqual(faults, [])
    await context.close()
  })

  test('a click on the map opens the hydrograph of the station', async () => {
    const { server, browser } = stage()
    const { page, context, faults } = await signIn(browser, server, 'officer', wide, '/map')
    const mark = page.locator('[data-testid=map] [data-station=h-enping]')
    await mark.locator('[data-stage]').waitFor()
    const { stages } = await server.get('/v1/stages')
    const stood = stages.find((s) => s.station === 'h-enping').stage.slice('STAGE_'.length).toLowerCase()
    assert.equal(await mark.locator('[data-stage]').getAttribute('data-stage'), stood)
    await mark.locator('.sign').click()
    await page.locator('[data-testid=hydrograph][data-drawn=true]').waitFor()
    assert.equal(new URL(page.url()).pathname, '/stations/h-enping')
    assert.deepEqual(faults, [])
    await context.close()
  })

  test('the counter of those who were not reached follows the calls', async () => {
    const { server, browser } = stage()
    const unreached = async () => (await server.get('/v1/calls/unreached')).unreached
    await until('somebody whose calls ran out', async () => {
      if ((await unreached()).length > 0) return true
      const { step } = await server.hand.do({})
      await server.hand.play(step + 2)
    })
    const { page, context, faults } = await signIn(browser, server, 'officer', wide, '/plan')
    const counter = page.getByTestId('unreached')
    const all = await unreached()
    await counter.and(page.locator('.hot')).filter({ hasText: new RegExp(`\\b${all.length}$`) }).waitFor()
    const { person } = all[0].call
    await page.getByTestId(`call-${person}`).and(page.locator('[data-outcome=UNREACHED]')).first().getByTestId(`confirm-${person}`).click()
    await page.getByTestId('say-text').fill('电话确认')
    await page.getByTestId('say-confirm').click()
    const rest = await until('one less', async () => {
      const now = await unreached()
      return now.length < all.length && now
    })
    await counter.filter({ hasText: new RegExp(`\\b${rest.length}$`) }).waitFor()
    assert.deepEqual(faults, [])
    await context.close()
  })

  test('a station that is blind while the river rises is shown, blinks and sounds as an upgrade', async () => {
    const { server, browser } = stage()
    const { page, context, faults } = await signIn(browser, server, 'officer', wide, '/', calm)
    await page.getByTestId('sound').click()
    const hidden = 'h-puqiao'
    const status = async () => (await server.get('/v1/stages')).stages.find((s) => s.station === hidden)
    await server.hand.do({ hide: hidden })
    await until('the escalation', async () => {
      if ((await status()).escalated) return true
      const { step } = await server.hand.do({})
      await server.hand.play(step + 1)
    })
    const since = await page.evaluate(() => performance.now())
    const item = page.getByTestId(`alarm-${hidden}`)
    await page.getByTestId(`escalated-${hidden}`).waitFor()
    await item.and(page.locator('.escalated[data-state=unacknowledged]')).waitFor()
    assert.match(await item.textContent(), /升级/)
    await until('the urgent sound', () => page.evaluate((at) => window.deskNotes.played.some((p) => p.at > at && p.src === '/sounds/urgent.wav'), since))
    await look(page, 'feed-escalated-1440')
    assert.deepEqual(await serious(page), [])
    await server.hand.do({ hide: '-' })
    assert.deepEqual(faults, [])
    await context.close()
  })
}
