// Sorting a table by any column: what has no value comes last, whichever way.

export type Direction = 'ascending' | 'descending'
export type Cell = number | string | null

const collator = new Intl.Collator('zh-CN', { numeric: true })

export function compareCells(a: Cell, b: Cell): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return collator.compare(String(a), String(b))
}

/** Sorted rows; equal ones keep their order. */
export function sortRows<T>(rows: readonly T[], cell: (row: T) => Cell, direction: Direction): T[] {
  const sign = direction === 'ascending' ? 1 : -1
  return rows
    .map((row) => ({ row, v: cell(row) }))
    .sort((a, b) => {
      if (a.v === null || b.v === null) return Number(a.v === null) - Number(b.v === null)
      return sign * compareCells(a.v, b.v)
    })
    .map((x) => x.row)
}
