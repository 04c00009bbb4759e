// What the desk itself lacks, which a quiet screen would hide: the feed, its
// session, the forecast. Pure: now is an argument.

export type TroubleKind = 'feed' | 'stages' | 'session' | 'ended' | 'forecast'

export interface Trouble {
  /** Names this one trouble: the next one of its kind has another key. */
  key: string
  kind: TroubleKind
  /** Since when; of a session, when it ends. */
  since: number
  /** How it is heard: again and again until it is over or somebody knows, once, or not (yet). */
  ring: 'again' | 'once' | 'no'
}

/** The feed may be away for so long without a sound: a server that is started anew
 * is back within it. Counted from when anything was last heard. */
export const feedGrace = 60_000
/** And for so long since that is known: a computer that wakes has heard nothing for hours. */
export const noticeGrace = 10_000
/** How long before its end a session is spoken of, and heard. */
export const sessionSaid = 30 * 60_000
export const sessionHeard = 5 * 60_000
/** "I know" silences for so long. */
export const silence = 10 * 60_000

export interface Known {
  now: number
  /** The server's clock, which the session's end is of. */
  serverNow: number
  signedIn: boolean
  /** The feed: since when nothing was heard, or null. */
  lostSince: number | null
  /** When that was noticed. */
  lostNoticed: number | null
  /** Stages are asked for and do not come, or null. Of a screen that somebody can see. */
  stagesSince: number | null
  sessionEnds: number | null
  /** When a session ended that nobody had signed out of. */
  endedAt: number | null
  /** Of each basin whose forecast does not hold: what names that, and since when. */
  forecasts: readonly { key: string; since: number | null }[]
}

/** All that is amiss, the worst first. */
export function troubles(k: Known): Trouble[] {
  const out: Trouble[] = []
  const again = (since: number, noticed = since) => (k.now - since >= feedGrace && k.now - noticed >= noticeGrace ? 'again' : 'no') as Trouble['ring']
  if (k.endedAt !== null) out.push({ key: 'ended', kind: 'ended', since: k.endedAt, ring: 'again' })
  if (!k.signedIn) return out
  if (k.lostSince !== null) out.push({ key: `feed ${k.lostSince}`, kind: 'feed', since: k.lostSince, ring: again(k.lostSince, k.lostNoticed ?? k.lostSince) })
  else if (k.stagesSince !== null) out.push({ key: `stages ${k.stagesSince}`, kind: 'stages', since: k.stagesSince, ring: again(k.stagesSince) })
  if (k.sessionEnds !== null && k.endedAt === null) {
    const left = k.sessionEnds - k.serverNow
    if (left <= 0) out.push({ key: 'ended', kind: 'ended', since: k.sessionEnds, ring: 'again' })
    else if (left <= sessionSaid) out.push({ key: `session ${k.sessionEnds}`, kind: 'session', since: k.sessionEnds, ring: left <= sessionHeard ? 'once' : 'no' })
  }
  for (const f of k.forecasts) out.push({ key: `forecast ${f.key}`, kind: 'forecast', since: f.since ?? k.now, ring: 'once' })
  return out
}

/** What was heard, and of what somebody said "I know". */
export class Ringer {
  private readonly heardOf = new Set<string>()
  private readonly quiet = new Map<string, number>()

  /** Those that sound now. */
  sounding(all: readonly Trouble[], now: number): Trouble[] {
    return all.filter((t) => (t.ring === 'again' && !this.quietUntil(t, now)) || (t.ring === 'once' && !this.heardOf.has(t.key)))
  }

  /** The tone was heard while these sounded. */
  heard(all: readonly Trouble[]) {
    for (const t of all) if (t.ring === 'once') this.heardOf.add(t.key)
  }

  /** "I know": quiet for a while, and then again if it still stands. */
  acknowledge(t: Trouble, now: number) {
    this.quiet.set(t.key, now + silence)
  }

  /** Until when somebody has silenced it, or null. A clock that was set back does not lengthen it. */
  quietUntil(t: Trouble, now: number): number | null {
    const until = this.quiet.get(t.key)
    return until !== undefined && now < until && until - now <= silence ? until : null
  }

  /** Forgets what is over: it is new when it comes back. */
  forget(all: readonly Trouble[]) {
    const keys = new Set(all.map((t) => t.key))
    for (const k of this.heardOf) if (!keys.has(k)) this.heardOf.delete(k)
    for (const k of this.quiet.keys()) if (!keys.has(k)) this.quiet.delete(k)
  }
}
