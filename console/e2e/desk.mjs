// What a duty officer does, in a browser, before the real program (issue 5,
// acceptance 8). The storm of `freshet demo` comes to its first red warning at
// step 360: 恩平, forecast to reach 8.00 m.
import AxeBuilder from '@axe-core/playwright'
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { narrow, openBrowser, Server, signIn, watch, wide } from './stage.mjs'

const beforeRed = 358
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

const pages = [
  { name: 'feed', path: '/', ready: (p) => p.getByTestId('status-bar').waitFor() },
  { name: 'stations', path: '/stations', ready: (p) => p.locator('[data-testid^=row-], [data-testid^=card-]').first().waitFor() },
  { name: 'station', path: '/stations/h-enping', ready: (p) => p.getByTestId('forecast-peak').waitFor() },
  { name: 'map', path: '/map', ready: (p) => p.locator('[data-testid=map] [data-station]').first().waitFor() },
  { name: 'plan', path: '/plan', ready: (p) => p.locator('h1').waitFor() },
  { name: 'health', path: '/health', ready: (p) => p.getByTestId('gateways').getByRole('row').nth(1).waitFor() },
]

test('every page, wide and narrow, dark and light: nothing serious for axe, no fault in the console, no sideways scrolling', async (t) => {
  await server.hand.play(beforeRed)
  for (const size of [wide, narrow]) {
    const { page, context, faults } = await signIn(browser, server, 'officer', size)
    for (const p of pages) {
      await t.test(`${p.name} at ${size.width} px`, async () => {
        await page.goto(server.url + p.path)
        await p.ready(page)
        await look(page, `${p.name}-${size.width}`)
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        assert.equal(over, 0, `${p.name} scrolls sideways by ${over} px`)
        assert.deepEqual(await serious(page), [])
        await page.getByTestId('theme').click()
        assert.deepEqual(await serious(page), [], 'in the light')
        await page.getByTestId('theme').click()
        assert.deepEqual(faults.splice(0), [])
      })
    }
    await context.close()
  }
  const context = await browser.newContext({ viewport: narrow })
  const page = await context.newPage()
  const faults = watch(page)
  await page.goto(server.url)
  await page.getByTestId('login').waitFor()
  await look(page, 'login-390')
  assert.deepEqual(await serious(page), [])
  assert.deepEqual(faults, [])
  await context.close()
})

/** Keeps a screenshot, if they were asked for. */
async function look(page, name) {
  if (!shots) return
  await page.evaluate(() => document.fonts.ready)
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true, animations: 'disabled' })
}

/** What axe finds serious or critical, in a line each. */
async function serious(page) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  return violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.failureSummary ?? ''}`.replace(/\s+/g, ' ')).join(' | ')}`)
}
