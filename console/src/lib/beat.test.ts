// The console's second and what hangs on it, in a tab that is hidden (stores/clock, stores/resource).
import { effectScope } from 'vue'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

class FakeWorker {
  static all: FakeWorker[] = []
  onmessage: (() => void) | null = null
  onerror: (() => void) | null = null
  dead = false
  constructor() {
    FakeWorker.all.push(this)
  }
  terminate() {
    this.dead = true
  }
}
const page = { hidden: true, addEventListener() {} }

beforeEach(() => {
  vi.resetModules()
  vi.useFakeTimers({ now: 1_800_000_000_000 })
  FakeWorker.all = []
  vi.stubGlobal('Worker', FakeWorker)
  vi.stubGlobal('window', page)
  vi.stubGlobal('document', page)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('the beat', () => {
  it('goes on when the worker dies without a word, and another worker takes over', async () => {
    const { eachSecond } = await import('@/stores/clock')
    let beats = 0
    eachSecond(() => beats++)
    await vi.advanceTimersByTimeAsync(2000)
    for (let i = 0; i < 10; i++) {
      FakeWorker.all[0]!.onmessage!()
      await vi.advanceTimersByTimeAsync(1000)
    }
    expect(FakeWorker.all).toHaveLength(1)
    const before = beats
    await vi.advanceTimersByTimeAsync(9000) // the worker is silent
    expect(beats).toBeGreaterThan(before)
    expect(FakeWorker.all).toHaveLength(2)
    expect(FakeWorker.all[0]!.dead).toBe(true)
    FakeWorker.all[1]!.onmessage!()
    const then = beats
    await vi.advanceTimersByTimeAsync(2000)
    expect(beats).toBe(then) // the page's own timer is gone again
  })
})

describe('engine time', () => {
  it('notes when it last went on, and when it was told', async () => {
    const { engineMovedAt, engineToldAt, resetEngineNow, serverNow, tellEngineNow } = await import('@/stores/clock')
    const start = serverNow()
    tellEngineNow('2026-01-01T00:00:00Z')
    await vi.advanceTimersByTimeAsync(60_000)
    tellEngineNow('2026-01-01T00:00:00Z')
    expect([engineMovedAt.value, engineToldAt.value]).toEqual([start, start + 60_000])
    tellEngineNow('2026-01-01T00:00:10Z')
    expect(engineMovedAt.value).toBe(start + 60_000)
    resetEngineNow()
    expect([engineMovedAt.value, engineToldAt.value]).toEqual([null, null])
  })
})

describe('a hidden tab', () => {
  it('asks again for what failed until it has it, and then no more', async () => {
    const { resource } = await import('@/stores/resource')
    let asked = 0
    let well = false
    const scope = effectScope()
    const r = scope.run(() => resource(async () => {
      asked++
      if (!well) throw new Error('503')
      return asked
    }, 5000).use())!
    await vi.advanceTimersByTimeAsync(20_500)
    expect(asked).toBeGreaterThanOrEqual(4)
    well = true
    await vi.advanceTimersByTimeAsync(6000)
    expect(r.error.value).toBeNull()
    const then = asked
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked).toBe(then)
    scope.stop()
  })
})

describe('a renewal', () => {
  it('is not undone by what the server refuses between the two sessions', async () => {
    vi.stubGlobal('localStorage', { getItem: () => null, setItem() {}, removeItem() {} })
    vi.stubGlobal('navigator', { language: 'zh' })
    const { me, refused, signedIn, signIn } = await import('@/stores/session')
    const who = { auth: true, signed_in: true, name: 'x', role: 'officer', department: '', session: true, expires_at: null, language: 'zh', openid: '' }
    me.value = who
    let answer = (_: Response) => {}
    vi.stubGlobal('fetch', () => new Promise<Response>((f) => (answer = f)))
    const done = signIn('token')
    refused()
    expect(signedIn.value).toBe(true)
    answer(new Response(JSON.stringify(who)))
    await done
    refused() // asked before, answered after
    expect(signedIn.value).toBe(true)
    await vi.advanceTimersByTimeAsync(1000)
    refused()
    expect(signedIn.value).toBe(false)
  })
})
