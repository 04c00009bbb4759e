import { expect, it } from 'vitest'
import { emptyForm, emptyOrder, scenarioOf, searchOf, seriesOf, type Form } from './ask'

const form = (more: Partial<Form>): Form => ({ ...emptyForm(), ...more })

it('asks for nothing that was not typed', () =>
  expect(scenarioOf(form({}), 'b')).toEqual({ nameZh: '', nameEn: '', basin: 'b', rain: { kind: 'SCENARIO_RAIN_KIND_AS_FORECAST', factor: 1, shiftS: 0 }, schedules: [], soil: [], lost: [], thresholds: [] }))
it('a release of 0 is an order, and one left empty is for the server to name', () =>
  expect(scenarioOf(form({ orders: { a: { ...emptyOrder(), kind: 'releases', releases: [{ after: 0, outflow: 0 }, { after: 1.5, outflow: '' }] }, b: emptyOrder(), c: { ...emptyOrder(), kind: 'gates', gates: [{ after: '', outlet: 'g1', opening: 2 }] } } }), 'b').schedules).toEqual([
    { reservoir: 'a', releases: [{ afterS: 0, outflow: 0 }, { afterS: 5400, outflow: 'NaN' }] },
    { reservoir: 'c', gates: [{ afterS: 0, outlet: 'g1', opening: 2 }] },
  ]))
it('rain by a factor of 0 is none of it', () => expect(scenarioOf(form({ factor: 0 }), 'b').rain).toEqual({ kind: 'SCENARIO_RAIN_KIND_NONE' }))
it('a storm is in hours for people and in seconds for the server', () =>
  expect(scenarioOf(form({ kind: 'STORM', after: 1.5, at: Date.parse('2026-06-09T00:00:00Z'), soil: [{ subBasin: '', kind: 'filled', value: 0 }] }), 'b')).toMatchObject({
    asOf: '2026-06-09T00:00:00.000Z', soil: [{ subBasin: '', filled: 0 }], rain: { kind: 'SCENARIO_RAIN_KIND_STORM', total: 200, durationS: 21600, peak: 0.5, afterS: 5400, subBasins: [] },
  }))
it('rows of a spreadsheet are rain by sub-basin, by name or id; what is no number is left to the server', () => {
  const idOf = (x: string) => ({ 锦江: 's1' })[x] ?? x
  expect(seriesOf('锦江：1 2.5\n\n s2\t3\t,4,x \n', idOf)).toEqual([{ subBasin: 's1', depth: [1, 2.5] }, { subBasin: 's2', depth: [3, 4, 'NaN'] }])
  expect(scenarioOf(form({ kind: 'SERIES', step: 0.5, series: '锦江 7' }), 'b', idOf).rain).toEqual({ kind: 'SCENARIO_RAIN_KIND_SERIES', factor: 1, shiftS: 0, stepS: 1800, series: [{ subBasin: 's1', depth: [7] }] })
})
it('a past storm has the instants that were typed, and no others', () =>
  expect(scenarioOf(form({ kind: 'PAST', from: 0 }), 'b').rain).toEqual({ kind: 'SCENARIO_RAIN_KIND_PAST', factor: 1, shiftS: 0, from: '1970-01-01T00:00:00.000Z' }))
it('a search has the limits of the reservoirs that take part: no level is no limit', () => {
  const l = { least: '' as const, most: 800, ramp: '' as const, highest: 90, endLeast: '' as const, endMost: '' as const }
  const s = scenarioOf(form({}), 'b')
  expect(searchOf(s, { limits: [{ ...l, reservoir: 'a', on: true }, { ...l, reservoir: 'b', on: false }], targets: [{ station: 'x', variable: '', value: '' }], pieces: '', runs: 100, points: 3 }, true)).toEqual({
    scenario: s, keep: true, pieces: 0, runs: 100, points: 3, seed: 1,
    reservoirs: [{ reservoir: 'a', least: 0, most: 800, ramp: 0, highest: 90 }], targets: [{ station: 'x', variable: 'VARIABLE_UNSPECIFIED' }],
  })
})
