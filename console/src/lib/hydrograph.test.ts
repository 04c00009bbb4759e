import { describe, expect, it } from 'vitest'
import { ahead, axis, crest, marks, observed, usualStep, type Obs } from './hydrograph'

const t0 = Date.parse('2026-06-10T00:00:00Z')
const min = 60_000
const obs = (minutes: number, value: number | string, quality = 'QUALITY_PASS', why = ''): Obs => ({
  at: new Date(t0 + minutes * min).toISOString(), value, quality, why,
})

describe('the observed curve', () => {
  it('breaks where reports are missing and does not where one is late', () => {
    const o = observed([obs(0, 1), obs(5, 1.1), obs(10, 1.2), obs(20, 1.3), obs(60, 2), obs(65, 2.1)], t0 + 66 * min)
    expect(o.line).toEqual([[t0, 1], [t0 + 5 * min, 1.1], [t0 + 10 * min, 1.2], [t0 + 20 * min, 1.3], [t0 + 20 * min + 1, null], [t0 + 60 * min, 2], [t0 + 65 * min, 2.1]])
    expect(o.gaps).toEqual([[t0 + 20 * min, t0 + 60 * min]])
  })
  it('shows the silence up to now as a gap', () => {
    expect(observed([obs(0, 1), obs(5, 1), obs(10, 1)], t0 + 60 * min).gaps).toEqual([[t0 + 10 * min, t0 + 60 * min]])
  })
  it('keeps doubtful and wrong values off the line', () => {
    const o = observed([obs(0, 1), obs(5, 9, 'QUALITY_SUSPECT', 'spike'), obs(10, 1.1), obs(15, 99, 'QUALITY_FAIL', 'range'), obs(20, 1.2)], null)
    expect(o.line.map((p) => p[1])).toEqual([1, 1.1, 1.2])
    expect(o.suspect).toEqual([{ at: t0 + 5 * min, value: 9, why: 'spike' }])
    expect(o.failed).toEqual([{ at: t0 + 15 * min, value: 99, why: 'range' }])
  })
  it('a run of doubtful values is a gap of the line', () => {
    const doubtful = [5, 10, 15, 20, 25].map((m) => obs(m, 5, 'QUALITY_SUSPECT'))
    expect(observed([obs(0, 1), ...doubtful, obs(30, 1), obs(35, 1)], null).gaps).toEqual([[t0, t0 + 30 * min]])
  })
  it('sorts, and leaves out what is no value', () => {
    expect(observed([obs(10, 2), obs(0, 1), obs(5, 'NaN')], null).line.map((p) => p[1])).toEqual([1, 2])
    expect(observed([], t0)).toEqual({ line: [], suspect: [], failed: [], gaps: [] })
  })
  it('knows the usual step', () => {
    expect(usualStep([0, 5, 10, 60, 65])).toBe(5)
    expect(usualStep([0, 5])).toBeNull()
  })
})

describe('the forecast curve', () => {
  const run = { issuedAt: '2026-06-10T00:00:00Z', stepS: 1800, bandStepS: 3600 }
  const station = {
    discharge: [10, 20], level: [2.5, 'NaN'] as (number | string)[], nowDischarge: 5, nowLevel: 2.4,
    band: [{ discharge: [1, 2, 3, 4, 5, 6, 7], level: [] }],
  }
  it('begins at the issue, and breaks where no level is forecast', () => {
    expect(ahead(run, station, 'level').line).toEqual([[t0, 2.4], [t0 + 30 * min, 2.5], [t0 + 60 * min, null]])
    expect(ahead(run, station, 'level').band).toEqual([])
  })
  it('has the band at its own step', () => {
    expect(ahead(run, station, 'discharge').band).toEqual([{ at: t0 + 60 * min, p10: 2, p25: 3, p50: 4, p75: 5, p90: 6 }])
  })
  it('is empty for a tide, and without a run', () => {
    expect(ahead(run, { ...station, level: ['NaN', 'NaN'] }, 'level').line).toEqual([])
    expect(ahead(null, station, 'level').line).toEqual([])
  })
  it('has its crest', () => {
    expect(crest([[1, 2], [2, null], [3, 7], [4, 6]])).toEqual({ at: 3, value: 7 })
    expect(crest([[1, null]])).toBeNull()
  })
})

describe('threshold lines', () => {
  it('are of one quantity, highest first, and one where two are equal', () => {
    const got = marks(
      [
        { stage: 'STAGE_BLUE', variable: 'VARIABLE_WATER_LEVEL', value: 6, windowS: 0 },
        { stage: 'STAGE_UNSPECIFIED', variable: 'VARIABLE_WATER_LEVEL', value: 6, windowS: 0, nameZh: '警戒水位' },
        { stage: 'STAGE_RED', variable: 'VARIABLE_WATER_LEVEL', value: 9, windowS: 0 },
        { stage: 'STAGE_RED', variable: 'VARIABLE_RAIN', value: 100, windowS: 3600 },
      ],
      'VARIABLE_WATER_LEVEL',
      (stage, name) => stage ?? name.zh,
    )
    expect(got.map((m) => [m.value, m.stage, m.caption])).toEqual([[9, 'red', 'red'], [6, 'blue', 'blue · 警戒水位']])
  })
})

describe('the axis', () => {
  it('always shows the next threshold above the water', () => {
    for (const [lo, hi] of [[3, 3.1], [0, 5], [-1.2, 1.4], [52, 60]] as const) {
      const levels = [hi + 2, hi + 3, hi + 40]
      const [a, b] = axis([lo, hi], levels)
      expect(a).toBeLessThanOrEqual(lo)
      expect(b).toBeGreaterThanOrEqual(hi + 2)
    }
  })
  it('is not flattened by a threshold far away', () => {
    expect(axis([1, 2], [3, 100])[1]).toBeLessThan(10)
  })
  it('stands without any value', () => {
    expect(axis([], [])).toEqual([0, 1])
    const [a, b] = axis([], [5, 6])
    expect(a).toBeLessThanOrEqual(5)
    expect(b).toBeGreaterThanOrEqual(6)
  })
  it('does not go below zero for what never does', () => {
    expect(axis([0, 349], [])[0]).toBe(0)
  })
})
