// What is heard next: what the river does comes first, what the desk itself lacks
// sounds between. Pure, so that no alarm can drown another one unseen.

export type Tone = 'urgent' | 'notice' | 'loss'
export const tones: readonly Tone[] = ['urgent', 'notice', 'loss']

/** No tone is longer, in ms: the next one waits for it. */
export const toneLength = 3_000
/** How soon each is heard again while it is wanted. */
export const pauses: Record<Tone, number> = { urgent: 8_000, notice: 60_000, loss: 15_000 }

export interface Wanted {
  /** Of warnings that wait for somebody. */
  river: 'urgent' | 'notice' | null
  /** The desk has lost what it needs. */
  desk: boolean
}

/** When each was last tried; 0: never. */
export interface Last {
  river: number
  desk: number
}

/** The tone that is due at now, or null. */
export function next(now: number, wanted: Wanted, last: Last): Tone | null {
  // A clock that was set back would keep it quiet until it has caught up.
  const passed = (then: number) => (then === 0 || now < then ? Infinity : now - then)
  if (Math.min(passed(last.river), passed(last.desk)) < toneLength) return null
  if (wanted.river && passed(last.river) >= pauses[wanted.river]) return wanted.river
  if (wanted.desk && passed(last.desk) >= pauses.loss) return 'loss'
  return null
}
