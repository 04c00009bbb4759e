// How soon the first page stands, in a browser that has nothing of it yet.
import assert from 'node:assert/strict'
import { wide } from './stage.mjs'

/** Opens the feed page with a cold cache, times over, and returns for each: when
 * the first contents and when the list stood, in ms after the address was entered;
 * and how many scripts and styles of the console that took. state is of somebody who is signed in. */
export async function coldStarts(browser, url, state, times = 5) {
  const all = []
  for (let i = 0; i < times; i++) {
    const context = await browser.newContext({ viewport: wide, locale: 'zh-CN', storageState: state })
    const page = await context.newPage()
    await page.addInitScript(() => {
      const list = () => document.querySelector('[data-testid=feed-page] [data-testid^=alarm-]') && document.querySelector('[data-testid=message]')
      new MutationObserver((_, o) => {
        if (!list()) return
        o.disconnect()
        performance.mark('list')
      }).observe(document, { subtree: true, childList: true })
    })
    await page.goto(url)
    await page.getByTestId('message').first().waitFor()
    const got = await page.waitForFunction(() => {
      const [fcp] = performance.getEntriesByName('first-contentful-paint')
      const [list] = performance.getEntriesByName('list')
      if (!fcp || !list) return null
      const own = performance.getEntriesByType('resource').filter((r) => new URL(r.name).pathname.startsWith('/assets/'))
      return { fcp: fcp.startTime, list: list.startTime, files: own.length, bytes: own.reduce((n, r) => n + r.encodedBodySize, 0) }
    })
    all.push(await got.jsonValue())
    await context.close()
  }
  return all
}

/** Holds every answer of the server but the console's own files: the shell stands
 * without them, claims nothing, and fills when they come. */
export async function shellWithoutAnswers(browser, url, state) {
  const context = await browser.newContext({ viewport: wide, locale: 'zh-CN', storageState: state })
  const page = await context.newPage()
  let open
  const gate = new Promise((r) => (open = r))
  const held = []
  await page.route(/\/(v1|auth)\//, async (route) => {
    held.push(route.request().url())
    await gate
    await route.continue()
  })
  await page.goto(url)
  await page.getByTestId('nav-stations').waitFor()
  await page.getByTestId('status-bar').waitFor()
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0)
  assert(held.length > 0, 'nothing was asked: nothing was held')
  assert.equal(await page.getByTestId('shell').getAttribute('data-stale'), 'true')
  assert.match(await page.getByTestId('count-clear').textContent(), /–/, 'a count without an answer')
  assert.equal(await page.getByTestId('message').count(), 0)
  open()
  await page.getByTestId('message').first().waitFor()
  await page.locator('[data-testid=shell][data-stale=false]').waitFor()
  await context.close()
}

export const median = (of) => of.toSorted((a, b) => a - b)[Math.floor(of.length / 2)]
