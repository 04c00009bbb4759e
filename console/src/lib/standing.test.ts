import { describe, expect, it } from 'vitest'
import { amiss, engineAbout, outlook, outlookKey, outlookLike, worst, type ForecastWatch } from './standing'

const t0 = Date.parse('2026-06-10T00:00:00Z')
const iso = (at: number) => new Date(at).toISOString()
const h = 3600_000
const said = (standing: string, more: Partial<ForecastWatch> = {}): ForecastWatch => ({
  basin: 'b', standing: `FORECAST_STANDING_${standing}`, since: iso(t0), issuedAt: iso(t0), validUntil: iso(t0 + 6 * h), holes: [], detail: 'said', detailZh: '说', at: iso(t0), ...more,
})
const hole = (node: string) => ({ node, station: '', why: '', whyZh: '', from: iso(t0) })

describe('the forecast', () => {
  it('is as the server says while it is valid', () => {
    for (const s of ['VALID', 'PARTIAL', 'FAILED'] as const) expect(outlook(said(s), t0 + 6 * h - 1)).toMatchObject({ standing: s, en: 'said' })
    expect(outlook(said('NONE', { issuedAt: null, validUntil: null }), t0).standing).toBe('NONE')
    expect(outlook(said('UNSPECIFIED', { validUntil: null }), t0).standing).toBe('PENDING')
  })
  it('expires by the clock though no word comes, whatever the last word was', () => {
    for (const s of ['VALID', 'PARTIAL', 'FAILED']) {
      const o = outlook(said(s, { holes: [hole('n')] }), t0 + 6 * h)
      expect(o).toMatchObject({ standing: 'EXPIRED', since: t0 + 6 * h, holes: [], en: '' })
    }
  })
  it('expires once: the word that comes later names the same trouble', () => {
    const own = outlook(said('VALID'), t0 + 7 * h)
    const word = outlook(said('EXPIRED', { since: iso(t0 + 6 * h + 60_000) }), t0 + 7 * h)
    expect(outlookKey(word)).toBe(outlookKey(own))
    expect(word.en).toBe('said')
  })
  it('a new hole, a new failure is a new trouble', () => {
    const keys = [
      outlook(said('PARTIAL', { holes: [hole('n')] }), t0), outlook(said('PARTIAL', { holes: [hole('n'), hole('m')] }), t0),
      outlook(said('FAILED'), t0), outlook(said('FAILED', { since: iso(t0 + h) }), t0 + h),
    ].map(outlookKey)
    expect(new Set(keys).size).toBe(4)
  })
  it('of a newer server is unknown and never well', () => {
    const o = outlook(said('DOUBTFUL'), t0)
    expect(o.standing).toBe('UNKNOWN')
    expect(worst([outlook(said('VALID'), t0), o])).toBe('UNKNOWN')
  })
  it('of many basins is as the worst, and unknown of none', () => {
    const all = ['VALID', 'PARTIAL', 'FAILED', 'NONE', 'EXPIRED'].map((s) => outlook(said(s), t0))
    for (let i = 0; i < all.length; i++) expect(worst(all.slice(0, i + 1))).toBe(all[i]!.standing)
    expect(all.map(amiss)).toEqual([false, true, true, true, true])
    expect(worst([])).toBe('UNKNOWN')
  })
})

describe('the engine’s time', () => {
  it('goes on by the wall where the engine follows the wall, also if it stands still', () => {
    expect(engineAbout(t0, t0 + 1000, t0)).toBe(t0 + 1000)
    for (const late of [2 * h, 7 * h, 100 * 24 * h]) expect(engineAbout(t0, t0 + late, t0 + 1000)).toBe(t0 + late)
    expect(engineAbout(t0, t0 - 1000, t0 - 1000)).toBe(t0)
    expect(engineAbout(t0, t0 + 2 * h, null)).toBe(t0 + 2 * h)
  })
  it('is the replay’s own on a replay', () => {
    expect(engineAbout(t0, t0 + 100 * 24 * h, t0 + 100 * 24 * h)).toBe(t0)
    expect(engineAbout(t0, t0 + 101 * 24 * h, t0 + 100 * 24 * h)).toBe(t0)
    expect(engineAbout(null, t0, null)).toBeNull()
  })
})

describe('what a trouble is like', () => {
  it('is the same whenever it comes, but for another standing or hole', () => {
    const like = (standing: string, more: Partial<ForecastWatch> = {}) => outlookLike(outlook({ ...said(standing), ...more }, t0))
    expect(like('FAILED')).toBe(like('FAILED', { since: new Date(t0 + h).toISOString() }))
    expect(like('FAILED')).not.toBe(like('NONE'))
    expect(like('PARTIAL')).not.toBe(like('PARTIAL', { holes: [{ node: 'other', station: '', why: '', whyZh: '', from: null }] }))
  })
})
