// Fails when what a browser must load before the first page stands exceeds the
// budget: the feed has to be there within a second on an old desk computer.
import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'

// Bytes, gzip.
const budget = { js: 92_000, css: 12_000, chart: 230_000 }

const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(await readFile(new URL('.vite/manifest.json', dist), 'utf8'))
const gzip = async (file) => gzipSync(await readFile(new URL(file, dist)), { level: 9 }).length

// All that the entries reach without a dynamic import.
function reached(keys, seen = new Set()) {
  for (const k of keys) {
    if (seen.has(k)) continue
    seen.add(k)
    reached(manifest[k].imports ?? [], seen)
  }
  return [...seen]
}
const sum = async (keys) => {
  const files = new Set(keys.flatMap((k) => [manifest[k].file, ...(manifest[k].css ?? [])]))
  const size = { js: 0, css: 0 }
  for (const f of files) size[f.endsWith('.css') ? 'css' : 'js'] += await gzip(f)
  return size
}
const entry = Object.keys(manifest).find((k) => manifest[k].isEntry)
const feed = Object.keys(manifest).find((k) => /feed\/FeedPage\.vue$/.test(k))
const chart = Object.keys(manifest).filter((k) => /lib\/echarts\.ts$/.test(k))
const first = await sum(reached([entry, feed].filter(Boolean)))
const later = await sum(reached(chart).filter((k) => !reached([entry]).includes(k)))

let failed = false
for (const [what, size, most] of [['first page, scripts', first.js, budget.js], ['first page, styles', first.css, budget.css], ['curves, loaded later', later.js, budget.chart]]) {
  const over = size > most
  failed ||= over
  console.log(`${what}: ${(size / 1000).toFixed(1)} kB of ${(most / 1000).toFixed(0)} kB gzip${over ? '  OVER THE BUDGET' : ''}`)
}
if (failed) {
  console.error('console: over the budget of scripts/budget.mjs: load less at once (import() what the first page does not show), or say there why it must be more')
  process.exit(1)
}
