import { describe, expect, it } from 'vitest'
import { sortRows, type Cell } from './sort'

const by = (v: { v: Cell }) => v.v
const rows = (...all: Cell[]) => all.map((v, i) => ({ v, i }))

describe('sorting a table', () => {
  it('puts what has no value last, whichever way', () => {
    expect(sortRows(rows(null, 2, null, -1), by, 'ascending').map(by)).toEqual([-1, 2, null, null])
    expect(sortRows(rows(null, 2, null, -1), by, 'descending').map(by)).toEqual([2, -1, null, null])
  })
  it('sorts numbers as numbers and names as people do', () => {
    expect(sortRows(rows(10, 9, 100), by, 'ascending').map(by)).toEqual([9, 10, 100])
    expect(sortRows(rows('站10', '站9'), by, 'ascending').map(by)).toEqual(['站9', '站10'])
  })
  it('keeps the order of equal rows, and the rows as they were', () => {
    const all = rows(1, 1, 1)
    expect(sortRows(all, by, 'descending').map((r) => r.i)).toEqual([0, 1, 2])
    expect(all.map((r) => r.i)).toEqual([0, 1, 2])
  })
})
