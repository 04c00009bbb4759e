// Instants as people type them: Beijing time, whatever their browser's zone.

const zone = 8 * 3600_000

/** For an input of type datetime-local. */
export const typed = (at: number) => new Date(at + zone).toISOString().slice(0, 16)

/** From one; null if it holds no instant. */
export function instant(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text)) return null
  const at = Date.parse(`${text.slice(0, 16)}:00+08:00`)
  return Number.isNaN(at) ? null : at
}

// Briefings are at 08:00 and 20:00 in Beijing: 00:00 and 12:00 UTC.
const half = 12 * 3600_000

/** The last n briefing hours that are not after at, newest first. */
export const briefings = (at: number, n: number) => Array.from({ length: n }, (_, i) => (Math.floor(at / half) - i) * half)

/** The briefing hour before at. */
export const briefingBefore = (at: number) => (Math.ceil(at / half) - 1) * half

/** RFC 3339 without milliseconds, as addresses have it. */
export const rfc = (at: number) => new Date(at).toISOString().replace('.000Z', 'Z')
