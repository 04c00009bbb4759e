// The server gives numbers that are not finite as text, e.g. "NaN" for the level
// forecast of a tide. A page sees null: there is no such value.

export type Num = number | 'NaN' | 'Infinity' | '-Infinity' | string | null | undefined

export function num(v: Num): number | null {
  if (v === null || v === undefined || v === '') return null
  const n = typeof v === 'number' ? v : Number(v)
  return Number.isFinite(n) ? n : null
}

/** A value with fixed decimals, or a dash where there is none. */
export function fixed(v: Num, digits: number): string {
  const n = num(v)
  if (n === null) return '–'
  const s = n.toFixed(digits)
  return Number(s) === 0 ? s.replace('-', '') : s.replace('-', '−')
}

/** With its sign, as differences are written: +0.42, −0.10. */
export function signed(v: Num, digits: number): string {
  const n = num(v)
  if (n === null) return '–'
  const s = fixed(n, digits)
  return Number(n.toFixed(digits)) > 0 ? `+${s}` : s
}

/** Flow with three figures, as a bulletin prints it: 12.8, 349, 3120. */
export function flow(v: Num): string {
  const n = num(v)
  if (n === null) return '–'
  const a = Math.abs(n)
  return a >= 1000 ? String(Math.round(n / 10) * 10) : a >= 100 ? fixed(n, 0) : a >= 10 ? fixed(n, 1) : fixed(n, 2)
}

/** Rain in millimetres: one decimal, and 0 without. */
export function rain(v: Num): string {
  const n = num(v)
  if (n === null) return '–'
  return n === 0 ? '0' : fixed(n, 1)
}
