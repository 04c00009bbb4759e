// The curves of rehearsals laid over each other, and their figures side by side.
import type { Schemas } from '@/api/client'
import { marks, type Mark, type Point } from '@/lib/hydrograph'
import type { Curve } from '@/lib/hydrooption'
import { num, type Num } from '@/lib/num'
import type { Stage } from '@/lib/stage'
import { ms } from '@/lib/time'

export type Rehearsal = Schemas['v1Rehearsal']
export type Figures = Schemas['v1RehearsedFigures']
export type Pool = Schemas['v1RehearsedPool']
export type Measured = 'level' | 'discharge' | 'inflow' | 'outflow'

/** One run: the situation as it is, or as a rehearsal asked. */
export interface Run {
  key: string
  name: string
  t0: number
  stepS: number
  figures: (station: string) => Figures | null
  pool: (station: string) => Pool | null
}

const named = (a: Rehearsal, station: string) => a.stations.find((s) => s.station === station)
const poolOf = (a: Rehearsal, station: string) => a.reservoirs.find((r) => r.station === station)

/** As it is (of the first), and as each asked. Where two begin at different T0 there
 * is no one "as it is": each has its own, in its own answer. */
export function runs(answers: readonly Rehearsal[], asIs: string, nameOf: (a: Rehearsal, i: number) => string): Run[] {
  const first = answers[0]
  if (!first) return []
  const of = (a: Rehearsal, key: string, name: string, side: 'base' | 'asked'): Run => ({
    key, name, t0: ms(a.t0) ?? 0, stepS: a.stepS, figures: (s) => named(a, s)?.[side] ?? null, pool: (s) => poolOf(a, s)?.[side] ?? null,
  })
  return [of(first, 'base', asIs, 'base'), ...answers.map((a, i) => of(a, a.id, nameOf(a, i), 'asked'))]
}

const series = (r: Run, station: string, q: Measured): readonly Num[] => {
  const pool = r.pool(station)
  if (pool) return q === 'discharge' ? pool.inflow : pool[q]
  const f = r.figures(station)
  return q === 'level' ? (f?.level ?? []) : q === 'discharge' ? (f?.discharge ?? []) : []
}

/** What can be drawn of a station. */
export function quantities(all: readonly Run[], station: string): Measured[] {
  const of: readonly Measured[] = all.some((r) => r.pool(station)) ? ['level', 'inflow', 'outflow'] : ['level', 'discharge']
  return of.filter((q) => all.some((r) => series(r, station, q).some((v) => num(v) !== null)))
}

/** From T0 on: value i is for T0 + (i+1) steps. */
export function line(r: Run, station: string, q: Measured): Point[] {
  const out: Point[] = series(r, station, q).map((v, i) => [r.t0 + (i + 1) * r.stepS * 1000, num(v)])
  const pool = r.pool(station)
  const start = pool ? (q === 'level' ? num(pool.startLevel) : null) : num(q === 'level' ? r.figures(station)?.nowLevel : r.figures(station)?.nowDischarge)
  if (out.length && start !== null && !(q === 'level' && start === 0)) out.unshift([r.t0, start])
  return out.some(([, v]) => v !== null) ? out : []
}

// As it is a thick line, then dashes: to be told apart in grey. The second is the drill's own colour.
const looks: readonly { colour: string; dash: Curve['dash'] }[] = [
  { colour: 'level', dash: 'solid' }, { colour: 'drill', dash: [9, 4] }, { colour: 'rain', dash: [2, 3] }, { colour: 'forecast', dash: [12, 4, 2, 4] }, { colour: 'text', dash: [5, 2] },
]
export const look = (i: number) => looks[i % looks.length]!

export const curves = (all: readonly Run[], station: string, q: Measured): Curve[] =>
  all.map((r, i) => ({ name: r.name, ...look(i), line: line(r, station, q) })).filter((c) => c.line.length > 0)

/** The thresholds of any of the runs: a scenario may have moved one. */
export function thresholds(all: readonly Run[], station: string, q: Measured, caption: (stage: Stage | null, value: number) => string): Mark[] {
  const variable = q === 'level' ? 'VARIABLE_WATER_LEVEL' : 'VARIABLE_DISCHARGE'
  if (q === 'outflow') return []
  const lines = all.flatMap((r) => r.figures(station)?.stages ?? []).filter((s, i, l) => l.findIndex((x) => x.stage === s.stage && x.variable === s.variable && x.value === s.value) === i)
  return marks(lines.map((s) => ({ ...s, windowS: 0 })), variable, (stage, _, value) => caption(stage, value))
}

export interface StageRow {
  stage: string
  variable: string
  value: number
  /** By run; null: it knows no such threshold. */
  cells: ({ hours: number | null; at: number | null; aboveS: number } | null)[]
}

/** Hours to each stage and the time above it, run beside run; the highest stage first. */
export function stageRows(all: readonly Run[], station: string): StageRow[] {
  const out = new Map<string, StageRow>()
  all.forEach((r, i) => {
    for (const s of r.figures(station)?.stages ?? []) {
      const value = num(s.value)
      if (value === null) continue
      const key = `${s.stage} ${s.variable} ${value}`
      const row = out.get(key) ?? { stage: s.stage, variable: s.variable, value, cells: all.map(() => null) }
      row.cells[i] = { at: ms(s.at), hours: s.at ? num(s.hours) : null, aboveS: s.aboveS }
      out.set(key, row)
    }
  })
  return [...out.values()].sort((a, b) => (a.variable < b.variable ? -1 : a.variable > b.variable ? 1 : b.value - a.value))
}
