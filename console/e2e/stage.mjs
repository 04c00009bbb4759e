// The real program, the storm that is played into it, and the browser before it.
// Nothing here sleeps: everything waits for a condition.
import AxeBuilder from '@axe-core/playwright'
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'

const bin = process.env.E2E_BIN
const catalog = fileURLToPath(new URL('../../deploy/catalog/tanjiang', import.meta.url))
const run = promisify(execFile)
const patience = 60_000

/** Returns what f returns once it is not falsy; asks again after each of its answers. */
export async function until(what, f, within = patience) {
  const end = Date.now() + within
  for (;;) {
    const got = await f()
    if (got) return got
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`)
    await new Promise((r) => setTimeout(r, 25)) // between two looks, not instead of one
  }
}

async function freePort() {
  const s = createServer().listen(0, '127.0.0.1')
  await once(s, 'listening')
  const { port } = s.address()
  s.close()
  await once(s, 'close')
  return port
}

/** A server that asks everybody who they are, with a driven clock. */
export class Server {
  static async open(...flags) {
    assert(bin, 'E2E_BIN is not set: use run.sh')
    const s = new Server()
    s.flags = flags
    s.dir = await mkdtemp(join(tmpdir(), 'freshet-desk-'))
    s.tokens = join(s.dir, 'tokens')
    await mkdir(s.tokens)
    s.grpc = `127.0.0.1:${await freePort()}`
    s.http = `127.0.0.1:${await freePort()}`
    s.url = `http://${s.http}`
    s.log = ''
    s.hand = null
    const grants = [['admin', 'admin'], ['officer', 'officer', 'hydrology'], ['briefing', 'briefing'], ...['weather', 'hydrology', 'water_resources'].map((d) => [d, 'gateway', d])]
    for (const [name, role, department] of grants) {
      const args = ['token', 'create', '--data', join(s.dir, 'data'), '--name', name, '--role', role, '--json']
      if (department) args.push('--department', department)
      if (role === 'gateway') args.push('--all-stations')
      const { stdout } = await run(join(bin, 'freshet'), args)
      await writeFile(join(s.tokens, name), JSON.parse(stdout).token, { mode: 0o600 })
    }
    await s.start()
    s.hand = new Hand(s)
    await s.hand.do({ connect: true })
    return s
  }

  async start() {
    const p = spawn(join(bin, 'freshet'), ['serve', '--auth', '--clock', 'driven', '--catalog', catalog, '--data', join(this.dir, 'data'), '--grpc', this.grpc, '--http', this.http, '--limit-calls', '500', ...this.flags])
    this.process = p
    p.stdout.on('data', (d) => (this.log += d))
    p.stderr.on('data', (d) => (this.log += d))
    this.exited = once(p, 'exit')
    await until('the server to be ready', async () => {
      assert.equal(p.exitCode, null, `the server ended:\n${this.log}`)
      return (await fetch(`${this.url}/readyz`).catch(() => null))?.ok
    })
  }

  /** As a power cut does. */
  async kill() {
    this.process.kill('SIGKILL')
    await this.exited
  }

  token(who) {
    return readFile(join(this.tokens, who), 'utf8')
  }

  /** An answer of the REST interface, as an officer gets it. */
  async get(path, who = 'officer') {
    const r = await fetch(this.url + path, { headers: { Authorization: `Bearer ${await this.token(who)}` } })
    assert(r.ok, `${path}: ${r.status} ${r.ok ? '' : await r.text()}`)
    return r.json()
  }

  async close() {
    this.hand?.close()
    this.process?.kill('SIGKILL')
    await this.exited
    await rm(this.dir, { recursive: true, force: true })
  }
}

/** The stage hand: hand/main.go. */
class Hand {
  constructor(server) {
    this.process = spawn(join(bin, 'hand'), ['--grpc', server.grpc, '--catalog', catalog, '--tokens', server.tokens], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]()
  }

  async do(command) {
    this.process.stdin.write(JSON.stringify(command) + '\n')
    const { value, done } = await this.lines.next()
    assert(!done, 'the stage hand ended')
    const answer = JSON.parse(value)
    assert(!answer.error, answer.error)
    return answer
  }

  /** Plays the storm up to a step of five minutes. */
  play(to) {
    return this.do({ play: to })
  }

  close() {
    this.process.stdin.end()
  }
}

export const wide = { width: 1440, height: 900 }
export const narrow = { width: 390, height: 844 }

export const openBrowser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium' })

/** A page on which somebody has signed in, with what went wrong in it. timersStop: its
 * intervals never come, as those of a hidden tab nearly do not. */
export async function signIn(browser, server, who, size = wide, path = '/', { timersStop, ...more } = {}) {
  const context = await browser.newContext({ ...more, viewport: size, locale: 'zh-CN', timezoneId: 'Asia/Shanghai', hasTouch: size.width < 500 })
  const page = await context.newPage()
  const faults = watch(page)
  await page.addInitScript(notes)
  if (timersStop) await page.addInitScript(() => { window.setInterval = () => 0 })
  await page.goto(`${server.url}${path}`)
  await page.getByTestId('token').fill(await server.token(who))
  await page.getByTestId('login-submit').click()
  await page.getByTestId('who').waitFor({ timeout: patience })
  return { page, context, faults }
}

/** Collects errors of a page: of its scripts, and what the content security policy stopped. */
export function watch(page) {
  const faults = []
  page.on('pageerror', (e) => faults.push(`error: ${e.message}`))
  page.on('console', (m) => {
    if (m.type() === 'error' && !/net::ERR_|Failed to load resource/.test(m.text())) faults.push(`console: ${m.text()}`)
  })
  return faults
}

// Runs in the page before anything else: when each warning came from the server,
// when its message and a red alarm stood on the page, and what was heard.
function notes() {
  const seen = { delivered: {}, shown: {}, red: {}, played: [] }
  window.deskNotes = seen
  const Real = window.EventSource
  window.EventSource = class extends Real {
    constructor(...args) {
      super(...args)
      this.addEventListener('warning', (e) => {
        const w = JSON.parse(e.data).warning
        if (w) seen.delivered[w.id] ??= { at: performance.now(), station: w.station, to: w.to }
      })
    }
  }
  // Lets the page believe that so many ms have passed.
  const clock = Date.now
  seen.later = 0
  Date.now = () => clock() + seen.later
  document.addEventListener('playing', (e) => seen.played.push({ at: performance.now(), src: `/sounds/${e.target.dataset.tone}.wav`, held: e.target.currentSrc.startsWith('data:') }), true)
  new MutationObserver(() => {
    const now = performance.now()
    for (const el of document.querySelectorAll('[data-testid=message][data-id]')) seen.shown[el.dataset.id] ??= now
    for (const el of document.querySelectorAll('[data-testid^=alarm-].red')) seen.red[el.dataset.testid.slice('alarm-'.length)] ??= now
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-id', 'class'] })
}

const shots = process.env.SHOTS
// What blinks is faint for a moment: for axe, somebody looks who asked for less motion.
export const calm = { reducedMotion: 'reduce' }

/** Keeps a screenshot, if they were asked for. */
export async function look(page, name) {
  if (!shots) return
  await mkdir(shots, { recursive: true })
  await page.evaluate(() => document.fonts.ready)
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true, animations: 'disabled' })
}

// Of long lists the first rows are looked at: the others are made by the same code.
const alike = ['[data-testid=message]:nth-child(n+9)', '[data-testid^=row-]:nth-child(n+9)', '[data-testid^=card-]:nth-child(n+9)']

/** What axe finds serious or critical, by all rules or these, in all or a part of the page, in a line each. */
export async function serious(page, { rules, within } = {}) {
  const axe = new AxeBuilder({ page })
  if (rules) axe.withRules(rules)
  if (within) axe.include(within)
  const { violations } = await alike.reduce((a, rows) => a.exclude(rows), axe).analyze()
  return violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.failureSummary ?? ''}`.replace(/\s+/g, ' ')).join(' | ')}`)
}
