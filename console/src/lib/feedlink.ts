// The alert feed over server-sent events, kept alive. A browser's EventSource
// resumes by itself after a broken line, but gives up after any answer that is
// not 200, does not notice a line that died in silence, and does not say why it
// was refused. FeedLink does, and never loses or repeats an event: it goes on
// behind the last event's token.

export type LinkState =
  | { kind: 'connecting' }
  | { kind: 'live' }
  /** Since when nothing was heard: what the screen shows is as old as that. */
  | { kind: 'lost'; since: number }
  | { kind: 'refused'; status: number }

export interface Source {
  readyState: number
  onopen: ((e: Event) => void) | null
  onerror: ((e: Event) => void) | null
  addEventListener(name: string, f: (e: MessageEvent<string>) => void): void
  close(): void
}

export interface LinkOptions {
  /** Where to connect; token is '' at first. */
  url(token: string): string
  events: readonly string[]
  /** An event, once and in order. */
  onEvent(name: string, data: string): void
  onState(s: LinkState): void
  /** The server no longer takes our token: forget all, the feed starts anew. */
  onReset(): void
  open?(url: string): Source
  /** The status that the server answers, or 0 if it cannot be reached. */
  probe?(url: string): Promise<number>
  now?(): number
}

/** The server sends a heartbeat each 15 s: two missed and a little more. */
export const silentAfter = 35_000
const waits = [500, 1000, 2000, 4000, 8000]

export class FeedLink {
  private source: Source | null = null
  private token = ''
  private heard: number // when anything was last heard
  private opened = 0 // when the present source was opened
  private tries = 0
  private retryAt = 0 // 0: no try is due
  private probing = false
  private state: LinkState = { kind: 'connecting' }
  private readonly o: Required<LinkOptions>

  constructor(options: LinkOptions) {
    this.o = {
      open: (url) => new EventSource(url),
      probe: probeStatus,
      now: Date.now,
      ...options,
    }
    this.heard = this.o.now()
  }

  start() {
    this.heard = this.o.now()
    this.connect()
  }

  stop() {
    this.source?.close()
    this.source = null
    this.retryAt = 0
  }

  /** Again from the beginning, e.g. as another person. */
  restart() {
    this.stop()
    this.token = ''
    this.tries = 0
    this.o.onReset()
    this.set({ kind: 'connecting' })
    this.start()
  }

  /** To be called each second, and when the computer wakes or comes online. */
  tick() {
    const now = this.o.now()
    if (this.source && now - Math.max(this.heard, this.opened) > silentAfter) {
      this.lose()
      this.source.close()
      this.source = null
      this.retryAt = now
    }
    if (!this.source && this.retryAt && now >= this.retryAt && !this.probing) this.connect()
  }

  private connect() {
    this.retryAt = 0
    const url = this.o.url(this.token)
    const s = this.o.open(url)
    this.source = s
    this.opened = this.o.now() // a line that is being opened has the same time to speak as one that is open
    const mine = () => this.source === s
    for (const name of this.o.events) {
      s.addEventListener(name, (e) => {
        if (!mine()) return
        this.heard = this.o.now()
        this.tries = 0
        if (e.lastEventId) this.token = e.lastEventId
        this.set({ kind: 'live' })
        this.o.onEvent(name, e.data)
      })
    }
    s.onerror = () => {
      if (!mine()) return
      this.lose()
      if (s.readyState !== 2) return // the browser tries again by itself
      s.close()
      this.source = null
      void this.again(url)
    }
  }

  /** The browser gave up: learn why, then try again or say that it is no use. */
  private async again(url: string) {
    const wait = waits[Math.min(this.tries++, waits.length - 1)] ?? 8000
    this.probing = true
    const status = await this.o.probe(url)
    this.probing = false
    if (this.source) return // somebody restarted
    if (status === 401 || status === 403) {
      this.set({ kind: 'refused', status })
      this.retryAt = status === 403 ? this.o.now() + 60_000 : 0
      return
    }
    if (status === 400 && this.token) {
      this.token = ''
      this.o.onReset()
      this.retryAt = this.o.now()
      return
    }
    this.retryAt = this.o.now() + wait
  }

  private lose() {
    if (this.state.kind !== 'lost') this.set({ kind: 'lost', since: this.heard })
  }

  private set(s: LinkState) {
    if (s.kind === this.state.kind && s.kind !== 'lost') return
    this.state = s
    this.o.onState(s)
  }
}

async function probeStatus(url: string): Promise<number> {
  const stop = new AbortController()
  try {
    const r = await fetch(url, { signal: stop.signal, headers: { Accept: 'text/event-stream' } })
    return r.status
  } catch {
    return 0
  } finally {
    stop.abort()
  }
}
