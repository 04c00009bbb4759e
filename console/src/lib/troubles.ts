// What the desk itself lacks, which a quiet screen would hide: the feed, its
// session, the forecast. Pure: now is an argument.

export type TroubleKind = 'feed' | 'alarms' | 'stages' | 'engine' | 'session' | 'ended' | 'forecast'

export interface Trouble {
  /** Names this one trouble: the next one of its kind has another key. */
  key: string
  kind: TroubleKind
  /** What it is, whenever it is: one that comes and goes is not heard each time. */
  like?: string
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
/** The engine's time may stand still for so long: it goes on by ticks, each 10 s by default. */
export const engineGrace = 10 * 60_000
/** A trouble that comes back is not heard anew for so long. */
export const remembered = 3600_000
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
  /** Alarms are asked for and do not come, or null: all sound of the river hangs on them. */
  alarmsSince: number | null
  /** The engine: its time as last told, when it last went on, when it was last told
   * (the server's clock), and when it was noticed that it stands still. */
  engine: { told: number; movedAt: number; toldAt: number; noticed: number | null } | null
  sessionEnds: number | null
  /** When a session ended that nobody had signed out of. */
  endedAt: number | null
  /** Of each basin whose forecast does not hold: what names that, and since when. */
  forecasts: readonly { key: string; like?: string; since: number | null }[]
}

/** The server answers and its engine's time does not go on. By what was told, not by
 * the clock: a computer that wakes has been told nothing. */
export const standsStill = (e: { movedAt: number; toldAt: number } | null) => e !== null && e.toldAt - e.movedAt >= engineGrace

/** All that is amiss, the worst first. */
export function troubles(k: Known): Trouble[] {
  const out: Trouble[] = []
  const again = (since: number, noticed = since) => (k.now - since >= feedGrace && k.now - noticed >= noticeGrace ? 'again' : 'no') as Trouble['ring']
  if (k.endedAt !== null) out.push({ key: 'ended', kind: 'ended', since: k.endedAt, ring: 'again' })
  if (!k.signedIn) return out
  if (k.lostSince !== null) out.push({ key: `feed ${k.lostSince}`, kind: 'feed', since: k.lostSince, ring: again(k.lostSince, k.lostNoticed ?? k.lostSince) })
  else {
    if (k.alarmsSince !== null) out.push({ key: `alarms ${k.alarmsSince}`, kind: 'alarms', since: k.alarmsSince, ring: again(k.alarmsSince) })
    if (k.stagesSince !== null) out.push({ key: `stages ${k.stagesSince}`, kind: 'stages', since: k.stagesSince, ring: again(k.stagesSince) })
    if (k.engine && standsStill(k.engine)) out.push({ key: `engine ${k.engine.told}`, kind: 'engine', since: k.engine.told, ring: k.engine.noticed !== null && k.now - k.engine.noticed >= noticeGrace ? 'again' : 'no' })
  }
  if (k.sessionEnds !== null && k.endedAt === null) {
    const left = k.sessionEnds - k.serverNow
    if (left <= 0) out.push({ key: 'ended', kind: 'ended', since: k.sessionEnds, ring: 'again' })
    else if (left <= sessionSaid) out.push({ key: `session ${k.sessionEnds}`, kind: 'session', since: k.sessionEnds, ring: left <= sessionHeard ? 'once' : 'no' })
  }
  for (const f of k.forecasts) out.push({ key: `forecast ${f.key}`, kind: 'forecast', like: f.like, since: f.since ?? k.now, ring: 'once' })
  return out
}

/** What was heard, and of what somebody said "I know". */
export class Ringer {
  private readonly heardOf = new Set<string>()
  private readonly heardLike = new Map<string, number>()
  private readonly quiet = new Map<string, number>()

  /** Those that sound now. */
  sounding(all: readonly Trouble[], now: number): Trouble[] {
    return all.filter((t) => (t.ring === 'again' && !this.quietUntil(t, now)) || (t.ring === 'once' && !this.heardOf.has(t.key) && !this.heardLately(t, now)))
  }

  private heardLately(t: Trouble, now: number) {
    const at = t.like === undefined ? undefined : this.heardLike.get(t.like)
    return at !== undefined && Math.abs(now - at) < remembered
  }

  /** The tone was heard while these sounded. */
  heard(all: readonly Trouble[], now: number) {
    for (const t of all) {
      if (t.ring !== 'once') continue
      this.heardOf.add(t.key)
      if (t.like !== undefined) this.heardLike.set(t.like, now)
    }
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

  /** Forgets what is over: it is new when it comes back, but for what is like it. */
  forget(all: readonly Trouble[]) {
    const keys = new Set(all.map((t) => t.key))
    for (const k of this.heardOf) if (!keys.has(k)) this.heardOf.delete(k)
    for (const k of this.quiet.keys()) if (!keys.has(k)) this.quiet.delete(k)
  }
}
