import { beforeEach, describe, expect, it } from 'vitest'
import { FeedLink, silentAfter, type LinkState, type Source } from './feedlink'

// A line that the test speaks into, in place of a browser's EventSource: the real
// one, with a real server, is in the browser tests.
class Line implements Source {
  readyState = 0
  onopen = null
  onerror: ((e: Event) => void) | null = null
  closed = false
  private f = new Map<string, (e: MessageEvent<string>) => void>()
  constructor(readonly url: string) {}
  addEventListener(name: string, f: (e: MessageEvent<string>) => void) {
    this.f.set(name, f)
  }
  close() {
    this.closed = true
    this.readyState = 2
  }
  say(name: string, id: string, data = id) {
    this.readyState = 1
    this.f.get(name)?.({ lastEventId: id, data } as MessageEvent<string>)
  }
  /** gaveUp: the answer was not 200, and the browser tries no more. */
  break(gaveUp: boolean) {
    this.readyState = gaveUp ? 2 : 0
    this.onerror?.({} as Event)
  }
}

let now = 0
let status = 0
let lines: Line[]
let heard: string[]
let states: LinkState[]
let resets: number
let link: FeedLink

const last = () => lines.at(-1)!
const settle = () => new Promise<void>((done) => setTimeout(done))
const pass = (millis: number) => {
  for (const end = now + millis; now < end; ) {
    now = Math.min(end, now + 1000)
    link.tick()
  }
}

beforeEach(() => {
  now = 1_000_000
  status = 0
  lines = []
  heard = []
  states = []
  resets = 0
  link = new FeedLink({
    url: (token) => `feed?${token}`,
    events: ['heartbeat', 'warning'],
    onEvent: (name, data) => heard.push(`${name} ${data}`),
    onState: (s) => states.push(s),
    onReset: () => resets++,
    open: (url) => {
      lines.push(new Line(url))
      return last()
    },
    probe: () => Promise.resolve(status),
    now: () => now,
  })
  link.start()
})

describe('the feed', () => {
  it('is live from the first word on', () => {
    expect(last().url).toBe('feed?')
    last().say('heartbeat', 't1')
    last().say('warning', 't2')
    expect(heard).toEqual(['heartbeat t1', 'warning t2'])
    expect(states).toEqual([{ kind: 'live' }])
  })

  it('goes on behind the last token after the server went away', async () => {
    last().say('warning', 't1')
    status = 503
    last().break(true)
    expect(states.at(-1)).toEqual({ kind: 'lost', since: now })
    await settle()
    pass(1000)
    expect(last().url).toBe('feed?t1')
    last().say('warning', 't2')
    expect(heard).toEqual(['warning t1', 'warning t2'])
    expect(states.at(-1)).toEqual({ kind: 'live' })
    expect(resets).toBe(0)
  })

  it('says since when nothing was heard, not since when it knows', () => {
    const spoken = now
    last().say('heartbeat', 't1')
    pass(silentAfter + 2000)
    expect(states.at(-1)).toEqual({ kind: 'lost', since: spoken })
    expect(lines[0]!.closed).toBe(true)
    expect(last().url).toBe('feed?t1')
  })

  it('gives a new line time to speak before it is taken for dead', () => {
    last().say('heartbeat', 't1')
    pass(silentAfter + 1000)
    const n = lines.length
    pass(silentAfter - 2000)
    expect(lines.length).toBe(n)
    pass(4000)
    expect(lines.length).toBe(n + 1)
  })

  it('leaves a broken line to the browser, which resumes by itself', () => {
    last().say('warning', 't1')
    last().break(false)
    expect(states.at(-1)?.kind).toBe('lost')
    last().say('warning', 't2')
    expect(states.at(-1)?.kind).toBe('live')
    expect(lines.length).toBe(1)
  })

  it('hears nothing from a line that it has given up', () => {
    last().say('warning', 't1')
    const old = last()
    pass(silentAfter + 2000)
    old.say('warning', 't2')
    expect(heard).toEqual(['warning t1'])
  })

  it('begins anew when the server does not know the token', async () => {
    last().say('warning', 't1')
    status = 400
    last().break(true)
    await settle()
    pass(1000)
    expect(resets).toBe(1)
    expect(last().url).toBe('feed?')
  })

  it('does not begin anew for a token that it does not have', async () => {
    status = 400
    last().break(true)
    await settle()
    pass(10_000)
    expect(resets).toBe(0)
    expect(lines.length).toBe(2)
  })

  it('stops and says so when the session has ended', async () => {
    last().say('warning', 't1')
    status = 401
    last().break(true)
    await settle()
    pass(60_000)
    expect(states.at(-1)).toEqual({ kind: 'refused', status: 401 })
    expect(lines.length).toBe(1)
    link.restart()
    expect(lines.length).toBe(2)
    expect(last().url).toBe('feed?')
    expect(resets).toBe(1)
  })

  it('waits longer from try to try, and no longer than 8 s', async () => {
    const tries: number[] = []
    for (let i = 0; i < 7; i++) {
      const begun = now
      last().break(true)
      await settle()
      const n = lines.length
      while (lines.length === n) pass(1000)
      tries.push((now - begun) / 1000)
    }
    expect(tries).toEqual([1, 1, 2, 4, 8, 8, 8])
  })
})
