import { describe, expect, it } from 'vitest'
import { engineGrace, feedGrace, noticeGrace, remembered, Ringer, sessionHeard, sessionSaid, silence, troubles, type Known } from './troubles'

const t0 = 1_800_000_000_000
const known = (more: Partial<Known> = {}): Known => ({
  now: t0, serverNow: t0, signedIn: true, lostSince: null, lostNoticed: null, stagesSince: null, alarmsSince: null, engine: null, sessionEnds: null, endedAt: null, forecasts: [], ...more,
})
const short = (k: Known) => troubles(k).map((t) => `${t.kind} ${t.ring}`)

describe('a lost feed', () => {
  it('is said at once and heard after the grace, which a restart of the server fits into', () => {
    expect(short(known({ lostSince: t0 - feedGrace + 1 }))).toEqual(['feed no'])
    expect(short(known({ lostSince: t0 - feedGrace }))).toEqual(['feed again'])
  })
  it('is not heard when a computer wakes that has slept for hours, unless it stays', () => {
    expect(short(known({ lostSince: t0 - 8 * 3600_000, lostNoticed: t0 - noticeGrace + 1 }))).toEqual(['feed no'])
    expect(short(known({ lostSince: t0 - 8 * 3600_000, lostNoticed: t0 - noticeGrace }))).toEqual(['feed again'])
  })
  it('is silenced by "I know" for a while, not for good', () => {
    const r = new Ringer()
    const all = troubles(known({ lostSince: t0 - 2 * feedGrace }))
    expect(r.sounding(all, t0)).toEqual(all)
    r.heard(all, t0)
    expect(r.sounding(all, t0 + 1000)).toEqual(all)
    r.acknowledge(all[0]!, t0 + 1000)
    expect(r.sounding(all, t0 + 2000)).toEqual([])
    expect(r.quietUntil(all[0]!, t0 + 2000)).toBe(t0 + 1000 + silence)
    expect(r.sounding(all, t0 + 1000 + silence)).toEqual(all)
  })
  it('that comes back and goes again is a new one', () => {
    const r = new Ringer()
    r.acknowledge(troubles(known({ lostSince: t0 - 2 * feedGrace }))[0]!, t0)
    const later = troubles(known({ now: t0 + 3 * feedGrace, lostSince: t0 + feedGrace }))
    expect(r.sounding(later, t0 + 3 * feedGrace)).toEqual(later)
  })
  it('is not kept quiet by a clock that was set back', () => {
    const r = new Ringer()
    const all = troubles(known({ lostSince: t0 - 2 * feedGrace }))
    r.acknowledge(all[0]!, t0)
    expect(r.sounding(all, t0 - 3600_000)).toEqual(all)
  })
  it('says nothing of the stages besides; those that do not come by themselves are heard as well', () => {
    expect(short(known({ lostSince: t0 - feedGrace, stagesSince: t0 - feedGrace }))).toEqual(['feed again'])
    expect(short(known({ stagesSince: t0 - 20_000 }))).toEqual(['stages no'])
    expect(short(known({ stagesSince: t0 - feedGrace }))).toEqual(['stages again'])
  })
  it('is no trouble of somebody who signed out', () => {
    expect(short(known({ signedIn: false, lostSince: t0 - 2 * feedGrace }))).toEqual([])
  })
})

describe('a session', () => {
  it('is said half an hour before its end, heard once five minutes before, and again and again when it has ended', () => {
    expect(short(known({ sessionEnds: t0 + sessionSaid + 1 }))).toEqual([])
    expect(short(known({ sessionEnds: t0 + sessionSaid }))).toEqual(['session no'])
    expect(short(known({ sessionEnds: t0 + sessionHeard }))).toEqual(['session once'])
    expect(short(known({ sessionEnds: t0 }))).toEqual(['ended again'])
    expect(short(known({ signedIn: false, endedAt: t0 }))).toEqual(['ended again'])
  })
  it('ends by the clock of the server', () => {
    expect(short(known({ serverNow: t0 + 3600_000, sessionEnds: t0 + 3600_000 + sessionSaid + 1 }))).toEqual([])
  })
  it('once is once, and a new session has its own', () => {
    const r = new Ringer()
    const first = troubles(known({ sessionEnds: t0 + 1000 }))
    expect(r.sounding(first, t0)).toEqual(first)
    r.heard(first, t0)
    expect(r.sounding(first, t0)).toEqual([])
    const second = troubles(known({ sessionEnds: t0 + 2000 }))
    r.forget(second)
    expect(r.sounding(second, t0)).toEqual(second)
  })
})

describe('a forecast that does not hold', () => {
  it('is heard once for each way in which it fails', () => {
    const r = new Ringer()
    const at = (key: string) => troubles(known({ forecasts: [{ key, since: t0 }] }))
    for (const all of [at('PARTIAL'), at('FAILED'), at('EXPIRED')]) {
      expect(r.sounding(all, t0)).toEqual(all)
      r.heard(all, t0)
      expect(r.sounding(all, t0)).toEqual([])
    }
    expect(r.sounding(at('FAILED again'), t0)).toHaveLength(1)
  })
  it('is not heard each time when it comes and goes, but for what is new in it, and again after an hour', () => {
    const r = new Ringer()
    const at = (key: string, like: string) => troubles(known({ forecasts: [{ key, like, since: t0 }] }))
    expect(r.sounding(at('PARTIAL 1', 'PARTIAL'), t0)).toHaveLength(1)
    r.heard(at('PARTIAL 1', 'PARTIAL'), t0)
    r.forget([])
    expect(r.sounding(at('PARTIAL 2', 'PARTIAL'), t0 + 300_000)).toEqual([])
    expect(r.sounding(at('PARTIAL 2 hole', 'PARTIAL hole'), t0 + 300_000)).toHaveLength(1)
    expect(r.sounding(at('PARTIAL 9', 'PARTIAL'), t0 + remembered)).toHaveLength(1)
  })
})

describe('an engine that stands still while its server answers', () => {
  const at = (stood: number, noticed: number | null, more: Partial<Known> = {}) => short(known({ engine: { told: t0 - 24 * 3600_000, movedAt: t0 - stood, toldAt: t0, noticed }, ...more }))
  it('is said after ten minutes, and heard again and again once that has been known for a moment', () => {
    expect(at(engineGrace - 1, null)).toEqual([])
    expect(at(engineGrace, t0)).toEqual(['engine no'])
    expect(at(engineGrace, t0 - noticeGrace)).toEqual(['engine again'])
  })
  it('is known by what was told: a computer that wakes has been told nothing', () => {
    expect(short(known({ now: t0 + 8 * 3600_000, engine: { told: t0, movedAt: t0, toldAt: t0 + 5000, noticed: null } }))).toEqual([])
  })
  it('is not spoken of while the feed is away', () => {
    expect(at(engineGrace, t0 - noticeGrace, { lostSince: t0 - feedGrace })).toEqual(['feed again'])
  })
  it('is named by the time at which it stands', () => {
    const all = troubles(known({ engine: { told: t0 - engineGrace, movedAt: t0 - engineGrace, toldAt: t0, noticed: t0 - noticeGrace } }))
    expect(all[0]!.key).toBe(`engine ${t0 - engineGrace}`)
    expect(all[0]!.since).toBe(t0 - engineGrace)
  })
})

describe('alarms that do not come', () => {
  it('are said, and heard after the grace, beside the stages but not beside a lost feed', () => {
    expect(short(known({ alarmsSince: t0 - feedGrace + 1 }))).toEqual(['alarms no'])
    expect(short(known({ alarmsSince: t0 - feedGrace, stagesSince: t0 }))).toEqual(['alarms again', 'stages no'])
    expect(short(known({ alarmsSince: t0 - feedGrace, lostSince: t0 }))).toEqual(['feed no'])
  })
})
