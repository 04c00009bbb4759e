import { expect, it } from 'vitest'
import { curves, line, quantities, runs, stageRows, thresholds, type Rehearsal } from './curves'

const t0 = Date.parse('2026-06-10T00:00:00Z')
const figures = (level: unknown[], blue: number, at: string | null) => ({ level, discharge: [], nowLevel: 5, nowDischarge: 'NaN', stages: [{ stage: 'STAGE_BLUE', variable: 'VARIABLE_WATER_LEVEL', value: blue, at, hours: at ? 2 : 0, aboveS: at ? 3600 : 0 }] })
const answer = (id: string, asked: unknown): Rehearsal => ({
  id, t0: '2026-06-10T00:00:00Z', stepS: 3600,
  stations: [{ station: 'a', base: figures([5.5, 6], 7, null), asked }, { station: 'r', base: figures([], 7, null), asked: null }],
  reservoirs: [{ station: 'r', base: { startLevel: 80, level: [81, 'NaN'], inflow: [100, 90], outflow: ['NaN', 'NaN'] }, asked: { startLevel: 80, level: [82, 83], inflow: [1, 2], outflow: [3, 4] } }],
}) as unknown as Rehearsal
const all = runs([answer('x', figures([6, 'NaN'], 7, '2026-06-10T02:00:00Z')), answer('y', figures([9, 9], 6.5, null))], 'as it is', (a) => a.id)

it('as it is comes once, and then what each asked', () => expect(all.map((r) => r.name)).toEqual(['as it is', 'x', 'y']))
it('a curve begins at T0 with the value of then, and a value that is none breaks it', () => {
  expect(line(all[0]!, 'a', 'level')).toEqual([[t0, 5], [t0 + 3600_000, 5.5], [t0 + 7200_000, 6]])
  expect(line(all[1]!, 'a', 'level').at(-1)).toEqual([t0 + 7200_000, null])
})
it('a reservoir has level, inflow and outflow; what no run tells of is not offered', () => {
  expect(quantities(all, 'a')).toEqual(['level'])
  expect(quantities(all, 'r')).toEqual(['level', 'inflow', 'outflow'])
  expect(curves(all, 'r', 'outflow').map((c) => c.name)).toEqual(['x', 'y'])
})
it('no two curves look alike, with colour or without', () => {
  const drawn = curves(all, 'a', 'level')
  expect(new Set(drawn.map((c) => c.colour)).size).toBe(3)
  expect(new Set(drawn.map((c) => String(c.dash))).size).toBe(3)
})
it('a threshold that a scenario moved stands beside the one in force', () => {
  expect(thresholds(all, 'a', 'level', (s, v) => `${s} ${v}`).map((m) => m.caption)).toEqual(['blue 7', 'blue 6.5'])
  expect(stageRows(all, 'a')).toEqual([
    { stage: 'STAGE_BLUE', variable: 'VARIABLE_WATER_LEVEL', value: 7, cells: [{ at: null, hours: null, aboveS: 0 }, { at: t0 + 7200_000, hours: 2, aboveS: 3600 }, null] },
    { stage: 'STAGE_BLUE', variable: 'VARIABLE_WATER_LEVEL', value: 6.5, cells: [null, null, { at: null, hours: null, aboveS: 0 }] },
  ])
})
