// How far a basin's forecast can be used, as the server says and as the clock does:
// a server that stands still sends no word that its forecast has expired. Pure.
import { ms, type Instant } from './time'

export type Standing = 'PENDING' | 'VALID' | 'PARTIAL' | 'FAILED' | 'EXPIRED' | 'NONE' | 'UNKNOWN'

export interface Hole {
  node: string
  /** Empty if the node has none. */
  station: string
  why: string
  whyZh: string
  from: Instant
}

export interface ForecastWatch {
  basin: string
  standing: string
  since: Instant
  issuedAt: Instant
  validUntil: Instant
  holes: Hole[]
  detail: string
  detailZh: string
  at: Instant
}

export interface Outlook {
  basin: string
  standing: Standing
  since: number | null
  issuedAt: number | null
  validUntil: number | null
  holes: readonly Hole[]
  /** In the server's words; empty where the clock found it out. */
  zh: string
  en: string
}

const known: readonly Standing[] = ['VALID', 'PARTIAL', 'FAILED', 'EXPIRED', 'NONE']

/** What holds at now, an instant of engine time. */
export function outlook(w: ForecastWatch, now: number | null): Outlook {
  const said = w.standing.replace(/^FORECAST_STANDING_/, '')
  const standing: Standing = said === 'UNSPECIFIED' ? 'PENDING' : (known.find((s) => s === said) ?? 'UNKNOWN')
  const validUntil = ms(w.validUntil)
  const o: Outlook = { basin: w.basin, standing, since: ms(w.since), issuedAt: ms(w.issuedAt), validUntil, holes: w.holes, zh: w.detailZh, en: w.detail }
  if (standing === 'EXPIRED' || validUntil === null || now === null || now < validUntil) return o
  return { ...o, standing: 'EXPIRED', since: validUntil, holes: [], zh: '', en: '' }
}

// What nobody knows is worse than what is whole, and no more.
const order: Record<Standing, number> = { VALID: 0, PENDING: 1, UNKNOWN: 2, PARTIAL: 3, FAILED: 4, NONE: 5, EXPIRED: 6 }

/** Of many basins the one that is worst off. */
export const worst = (all: readonly Outlook[]): Standing => all.reduce<Standing>((s, o) => (order[o.standing] > order[s] ? o.standing : s), all.length ? 'VALID' : 'UNKNOWN')

/** Those that must be said. */
export const amiss = (o: Outlook) => order[o.standing] >= order.PARTIAL

/** What a trouble is, whenever it is: one that comes and goes has the same each time. */
export const outlookLike = (o: Outlook) => [o.basin, o.standing, ...o.holes.map((h) => h.node).sort()].join(' ')

/** Names this one trouble: of a forecast that expired by its run, so that the server's
 * word and the clock's are one. A new hole is news. */
export const outlookKey = (o: Outlook) =>
  [o.basin, o.standing, o.standing === 'EXPIRED' ? o.issuedAt : o.since, ...o.holes.map((h) => h.node).sort()].join(' ')

/** The engine's time now: as it told it last or, on a server whose clock is the wall's,
 * the wall's, by which a server that stands still is late. A replay of another day
 * goes its own pace. Which of them it is shows when its time last went on, at movedAt
 * by the server's clock: an engine that has stood still for a day is no replay. */
export function engineAbout(told: number | null, serverNow: number, movedAt: number | null): number | null {
  if (told === null) return null
  return Math.abs((movedAt ?? serverNow) - told) < 6 * 3600_000 ? Math.max(told, serverNow) : told
}
