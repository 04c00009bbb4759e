import { expect, test } from 'vitest'
import { bounded, curveOf, ranked, type Rain } from './curve'

const day = (d: number) => `2026-05-${21 + d}T00:00:00Z`
const at = (d: number) => Date.parse(day(d))
const rain = (days: object[]) => ({ days: days.map((x, i) => ({ from: day(i), to: day(i + 1), rain: null, coverage: 0, total: null, normal: null, ...x })) }) as unknown as Rain

test('the curve begins with nothing, breaks where nothing is known and ends now', () => {
  const c = curveOf(rain([{ rain: 4, total: 4, normal: 2 }, { total: null, normal: 5 }, { rain: 1, total: 5, normal: 9 }, { normal: 12 }]), at(3))
  expect(c.total).toEqual([[at(0), 0], [at(1), 4], [at(2), null], [at(3), 5]])
  expect(c.normal).toEqual([[at(0), 0], [at(1), 2], [at(2), 5], [at(3), 9], [at(4), 12]])
  expect(c.days).toEqual([[at(0), at(1), 4], [at(1), at(2), null], [at(2), at(3), 1]])
})

test('what was never known has no curve, not one at zero', () => {
  const c = curveOf(rain([{}, { rain: 3, total: 3 }]), at(2))
  expect(c.total).toEqual([[at(1), 0], [at(2), 3]])
  expect(c.normal).toEqual([])
  expect(curveOf(rain([{}, {}]), at(2)).total).toEqual([])
})

test('what hangs on rain is meant as the rain is', () => {
  const of = (bound: string, place = 2) => ({ bound, rank: { place, of: 3 } }) as unknown as Rain
  expect(['UNSPECIFIED', 'AT_LEAST', 'ABOUT'].map((b) => bounded(of(`SEASON_BOUND_${b}`), '4 mm'))).toEqual(['4 mm', '≥ 4 mm', '≈ 4 mm'])
  expect(['UNSPECIFIED', 'AT_LEAST', 'ABOUT'].map((b) => ranked(of(`SEASON_BOUND_${b}`), 'or higher'))).toEqual(['2/3', '2/3 or higher', '≈ 2/3'])
  expect(ranked(of('SEASON_BOUND_AT_LEAST', 1), 'or higher')).toBe('1/3')
  expect(ranked({ rank: null } as unknown as Rain, 'or higher')).toBe('–')
})
