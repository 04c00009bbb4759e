// How soon the first page stands, in a browser that has nothing of it yet.
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

export const median = (of) => of.toSorted((a, b) => a - b)[Math.floor(of.length / 2)]
