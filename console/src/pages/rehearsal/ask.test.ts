import { expect, it } from 'vitest'
import { scenarioOf, type Form } from './ask'

const form = (more: Partial<Form>): Form => ({ name: '', at: null, kind: 'AS_FORECAST', factor: 1, shift: 0, total: '', duration: '', peak: '', after: '', releases: {}, soil: '', lost: [], ...more })

it('asks for nothing that was not typed', () =>
  expect(scenarioOf(form({}), 'b')).toEqual({ nameZh: '', nameEn: '', basin: 'b', rain: { kind: 'SCENARIO_RAIN_KIND_AS_FORECAST', factor: 1, shiftS: 0 }, schedules: [], soil: [], lost: [] }))
it('a release of 0 is an order, and an empty one is none', () =>
  expect(scenarioOf(form({ releases: { a: 0, b: '', c: 120 } }), 'b').schedules).toEqual([
    { reservoir: 'a', releases: [{ afterS: 0, outflow: 0 }] },
    { reservoir: 'c', releases: [{ afterS: 0, outflow: 120 }] },
  ]))
it('rain by a factor of 0 is none of it', () => expect(scenarioOf(form({ factor: 0 }), 'b').rain).toEqual({ kind: 'SCENARIO_RAIN_KIND_NONE' }))
it('a storm is in hours for people and in seconds for the server', () =>
  expect(scenarioOf(form({ kind: 'STORM', total: 200, duration: 6, after: 1.5, at: Date.parse('2026-06-09T00:00:00Z'), soil: 0 }), 'b')).toMatchObject({
    asOf: '2026-06-09T00:00:00.000Z', soil: [{ filled: 0 }], rain: { kind: 'SCENARIO_RAIN_KIND_STORM', total: 200, durationS: 21600, peak: 0.5, afterS: 5400 },
  }))
