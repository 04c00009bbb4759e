import { describe, expect, it } from 'vitest'
import { decisive, missingOf, seriesOf, standingOf, type Quantity, type Reading } from './explain'

const at = Date.parse('2026-06-08T21:55:00Z')
const step = (more: object) => ({ stage: 'STAGE_RED', given: 8, threshold: 8, met: false, metSince: null, belowSince: null, metRuns: 0, belowRuns: 0, crossAt: null, ...more }) as Quantity['steps'][number]
const quantity = (more: object) => ({ forecast: false, decides: true, evidence: true, to: 'STAGE_RED', dwellRaiseS: 600, dwellLowerS: 3600, persistence: 2, ...more }) as Quantity

describe('a threshold', () => {
  it('that is met tells how long it has been, and how long it must be', () =>
    expect(standingOf(quantity({}), step({ met: true, metSince: '2026-06-08T21:50:00Z' }), at)).toEqual({ kind: 'met', since: at - 300_000, held: 300_000, need: 600_000 }))
  it('that is undercut tells the clock that lowers', () =>
    expect(standingOf(quantity({}), step({ belowSince: '2026-06-08T20:55:00Z' }), at)).toEqual({ kind: 'below', since: at - 3600_000, held: 3600_000, need: 3600_000 }))
  it('between both, within the dead band, has no clock', () => {
    expect(standingOf(quantity({}), step({}), at)).toEqual({ kind: 'under' })
    // Below the threshold by less than the dead band: the clock that runs is of what is over.
    expect(standingOf(quantity({}), step({ metSince: '2026-06-08T20:55:00Z' }), at)).toEqual({ kind: 'under' })
  })
  it('of a forecast counts runs', () =>
    expect(standingOf(quantity({ forecast: true }), step({ met: true, metRuns: 2, crossAt: '2026-06-08T22:34:00Z' }), at)).toEqual({ kind: 'runs', met: true, runs: 2, need: 2, at: Date.parse('2026-06-08T22:34:00Z') }))
})

it('what decides is of the stage that the warning came to, and has evidence', () => {
  expect(decisive(quantity({}), 'red')).toBe(true)
  expect(decisive(quantity({}), 'orange')).toBe(false)
  expect(decisive(quantity({ evidence: false }), 'red')).toBe(false)
})

it('readings are kept apart by series, the newest first', () => {
  const reading = (variable: string, sensor: number, time: string, more: object = {}) => ({ observation: { series: { variable, sensor }, at: time }, usable: true, reportedDatum: '', ...more }) as Reading
  const all = seriesOf([
    reading('L', 0, '2026-06-08T19:00:00Z'),
    reading('R', 0, '2026-06-08T19:00:00Z', { usable: false }),
    reading('L', 0, '2026-06-08T19:05:00Z', { reportedDatum: 'NATIONAL_1985' }),
    reading('L', 1, '2026-06-08T19:00:00Z'),
  ])
  expect(all.map((s) => [s.key, s.readings.map((r) => r.observation!.at!.slice(11, 16)).join(' '), s.converted, s.doubted])).toEqual([
    ['L 0', '19:05 19:00', true, 0],
    ['R 0', '19:00', false, 1],
    ['L 1', '19:00', false, 0],
  ])
})

it('a missing gauge is a station and what is missing', () =>
  expect(missingOf('h-puqiao: water_level: silent since 2026-06-08 20:55Z')).toEqual({ station: 'h-puqiao', rest: 'water_level: silent since 2026-06-08 20:55Z' }))
