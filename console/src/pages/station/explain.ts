// An explanation, put into the order in which one asks.
import type { Explanation, Schemas } from '@/api/client'
import { num } from '@/lib/num'
import { stageOf, type Stage } from '@/lib/stage'
import { ms } from '@/lib/time'

export type Reading = Explanation['readings'][number]
export type Quantity = Explanation['quantities'][number]
type Step = Quantity['steps'][number]

/** What can be said of a threshold. */
export type Standing =
  | { kind: 'met' | 'below'; since: number; held: number; need: number }
  | { kind: 'runs'; met: boolean; runs: number; need: number; at: number | null }
  | { kind: 'over' | 'under' }

/** Where a quantity stands with one of its thresholds at the instant at: since when
 * the dwell clock runs and how long it has to, or how many runs have agreed. */
export function standingOf(q: Quantity, s: Step, at: number): Standing {
  if (q.forecast) {
    const met = s.met
    return { kind: 'runs', met, runs: met ? s.metRuns : s.belowRuns, need: q.persistence, at: ms(s.crossAt) }
  }
  const met = ms(s.metSince)
  const below = ms(s.belowSince)
  if (s.met && met !== null) return { kind: 'met', since: met, held: at - met, need: q.dwellRaiseS * 1000 }
  if (!s.met && below !== null) return { kind: 'below', since: below, held: at - below, need: q.dwellLowerS * 1000 }
  return { kind: s.met ? 'over' : 'under' }
}

/** Whether a quantity gave the warning its stage: it decides its leg, and its leg
 * stands where the warning went. */
export const decisive = (q: Quantity, to: Stage) => q.decides && q.evidence && stageOf(q.to) === to

/** Highest first: the threshold that decided is among the first. */
export const stepsOf = (q: Quantity) => q.steps.toReversed()

/** The readings of each series, newest first. */
export function seriesOf(readings: readonly Reading[]) {
  const all = new Map<string, Reading[]>()
  for (const r of readings) {
    const s = r.observation?.series
    if (!s) continue
    const key = `${s.variable} ${s.sensor}`
    if (!all.has(key)) all.set(key, [])
    all.get(key)!.push(r)
  }
  return [...all].map(([key, list]) => ({
    key,
    variable: list[0]!.observation!.series!.variable,
    sensor: list[0]!.observation!.series!.sensor,
    readings: list.sort((a, b) => (ms(b.observation!.at) ?? 0) - (ms(a.observation!.at) ?? 0)),
    converted: list.some((r) => r.reportedDatum !== ''),
    doubted: list.filter((r) => !r.usable).length,
  }))
}

/** A gauge that a run missed, "h-puqiao: rain: silent since 2026-06-08 20:55Z", in its parts. */
export function missingOf(text: string): { station: string; rest: string } {
  const [station = '', ...rest] = text.split(': ')
  return { station, rest: rest.join(': ') }
}

export type Run = NonNullable<Explanation['run']>
export type Warning = Schemas['v1Warning']
export const coverage = (r: Run) => num(r.rainCoverage)
