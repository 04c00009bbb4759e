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

/** The latest instant at that hour in Beijing that is not after at; days earlier if asked. */
export function hourOf(at: number, hour: number, daysBefore = 0): number {
  const day = 86_400_000
  const start = Math.floor((at + zone) / day) * day - zone + hour * 3600_000
  return (start > at && daysBefore === 0 ? start - day : start) - daysBefore * day
}

/** RFC 3339 without milliseconds, as addresses have it. */
export const rfc = (at: number) => new Date(at).toISOString().replace('.000Z', 'Z')
