// People see Beijing time, wherever their browser thinks it is.

const zone = 8 * 3600_000

export type Instant = string | null | undefined

/** Milliseconds since 1970 of an RFC 3339 instant, or null. */
export function ms(t: Instant): number | null {
  if (!t) return null
  const n = Date.parse(t)
  return Number.isNaN(n) ? null : n
}

const two = (n: number) => String(n).padStart(2, '0')

function parts(at: number) {
  const d = new Date(at + zone)
  return { y: d.getUTCFullYear(), mo: two(d.getUTCMonth() + 1), d: two(d.getUTCDate()), h: two(d.getUTCHours()), mi: two(d.getUTCMinutes()), s: two(d.getUTCSeconds()) }
}

/** 06-10 14:35 */
export function dayTime(at: number | null): string {
  if (at === null) return '–'
  const p = parts(at)
  return `${p.mo}-${p.d} ${p.h}:${p.mi}`
}

/** 14:35 */
export function clock(at: number | null): string {
  if (at === null) return '–'
  const p = parts(at)
  return `${p.h}:${p.mi}`
}

/** 14:35:10 */
export function clockSeconds(at: number | null): string {
  if (at === null) return '–'
  const p = parts(at)
  return `${p.h}:${p.mi}:${p.s}`
}

/** 2026-06-10 14:35 */
export function full(at: number | null): string {
  if (at === null) return '–'
  const p = parts(at)
  return `${p.y}-${p.mo}-${p.d} ${p.h}:${p.mi}`
}

/** The start of the hydrological day, 08:00 in Beijing, that at lies in. */
export function hydroDay(at: number): number {
  return Math.floor(at / 86_400_000) * 86_400_000 // 08:00 in Beijing is 00:00 UTC
}

/** A span for people, as short as it is clear: 45 s, 12 min, 3 h 20 min, 2 d 4 h. */
export function span(millis: number, unit: { s: string; min: string; h: string; d: string }): string {
  const s = Math.max(0, Math.round(millis / 1000))
  if (s < 60) return `${s} ${unit.s}`
  const min = Math.round(s / 60)
  if (min < 60) return `${min} ${unit.min}`
  const h = Math.floor(min / 60)
  if (h < 48) return min % 60 ? `${h} ${unit.h} ${min % 60} ${unit.min}` : `${h} ${unit.h}`
  return h % 24 ? `${Math.floor(h / 24)} ${unit.d} ${h % 24} ${unit.h}` : `${Math.floor(h / 24)} ${unit.d}`
}
