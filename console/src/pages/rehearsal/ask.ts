// What is typed into the form, as the question that the server understands. It is
// sent as it was typed: the server says what is wrong with it, and where.
import type { Schemas } from '@/api/client'

type Typed = number | ''
export type RainKind = 'AS_FORECAST' | 'NONE' | 'STORM' | 'PAST' | 'SERIES'
export const rainKinds: readonly RainKind[] = ['AS_FORECAST', 'NONE', 'STORM', 'PAST', 'SERIES']

export interface Order {
  kind: 'none' | 'releases' | 'gates'
  releases: { after: Typed; outflow: Typed }[]
  gates: { after: Typed; outlet: string; opening: Typed }[]
}

export interface Form {
  name: string
  at: number | null
  kind: RainKind
  factor: Typed
  /** Hours, as all spans here. */
  shift: Typed
  total: Typed
  duration: Typed
  peak: Typed
  after: Typed
  subBasins: string[]
  from: number | null
  until: number | null
  step: Typed
  series: string
  /** By reservoir. */
  orders: Record<string, Order>
  soil: { subBasin: string; kind: 'filled' | 'change'; value: Typed }[]
  lost: string[]
  thresholds: { station: string; stage: string; variable: string; value: Typed }[]
}

export const emptyForm = (): Form => ({
  name: '', at: null, kind: 'AS_FORECAST', factor: 1, shift: 0, total: 200, duration: 6, peak: 0.5, after: 0, subBasins: [], from: null, until: null, step: 1, series: '',
  orders: {}, soil: [], lost: [], thresholds: [],
})
export const emptyOrder = (): Order => ({ kind: 'none', releases: [{ after: 0, outflow: '' }], gates: [{ after: 0, outlet: '', opening: '' }] })

const seconds = (hours: Typed) => Math.round((hours || 0) * 3600)
const iso = (at: number | null) => (at === null ? {} : { asOf: new Date(at).toISOString() })

/** Lines of a sub-basin and its depths, as they are copied from a spreadsheet. What
 * is no number goes as NaN, and the server names it. */
export function seriesOf(text: string, idOf: (name: string) => string): { subBasin: string; depth: (number | 'NaN')[] }[] {
  return text.split('\n').flatMap((line) => {
    const [who, ...rest] = line.trim().split(/[\s,，:：;；]+/).filter(Boolean)
    return who ? [{ subBasin: idOf(who), depth: rest.map((x) => (Number.isFinite(Number(x)) ? Number(x) : 'NaN' as const)) }] : []
  })
}

function rainOf(f: Form, idOf: (name: string) => string) {
  // To the server a factor of 0 is one that was left out.
  const kind = `SCENARIO_RAIN_KIND_${f.factor === 0 ? 'NONE' : f.kind}`
  if (kind.endsWith('NONE')) return { kind }
  const moved = { kind, factor: f.factor === '' ? 1 : f.factor, shiftS: seconds(f.shift) }
  switch (f.kind) {
    case 'STORM': return { ...moved, total: f.total || 0, durationS: seconds(f.duration), peak: f.peak === '' ? 0.5 : f.peak, afterS: seconds(f.after), subBasins: f.subBasins }
    case 'PAST': return { ...moved, ...(f.from === null ? {} : { from: new Date(f.from).toISOString() }), ...(f.until === null ? {} : { until: new Date(f.until).toISOString() }) }
    case 'SERIES': return { ...moved, stepS: seconds(f.step), series: seriesOf(f.series, idOf) }
    default: return moved
  }
}

/** The reservoirs that are ordered to do something, in the order of the question. */
export const ordered = (f: Form) => Object.entries(f.orders).filter(([, o]) => o.kind !== 'none').map(([id]) => id)

export function scenarioOf(f: Form, basin: string, idOf: (name: string) => string = (x) => x): Schemas['v1Scenario'] {
  return {
    nameZh: f.name, nameEn: f.name, basin, ...iso(f.at),
    rain: rainOf(f, idOf),
    schedules: ordered(f).map((reservoir) => {
      const o = f.orders[reservoir]!
      return o.kind === 'releases'
        ? { reservoir, releases: o.releases.map((r) => ({ afterS: seconds(r.after), outflow: r.outflow === '' ? 'NaN' : r.outflow })) }
        : { reservoir, gates: o.gates.map((g) => ({ afterS: seconds(g.after), outlet: g.outlet, opening: g.opening === '' ? 'NaN' : g.opening })) }
    }),
    soil: f.soil.map((s) => ({ subBasin: s.subBasin, [s.kind]: s.value === '' ? 'NaN' : s.value })),
    lost: f.lost,
    thresholds: f.thresholds.map((x) => ({ station: x.station, stage: `STAGE_${x.stage.toUpperCase()}`, variable: x.variable, value: x.value === '' ? 'NaN' : x.value })),
  } as unknown as Schemas['v1Scenario'] // what is left out is as it is
}

export interface Limit {
  reservoir: string
  on: boolean
  least: Typed
  most: Typed
  ramp: Typed
  highest: Typed
  endLeast: Typed
  endMost: Typed
}
export interface Target { station: string; variable: string; value: Typed }
export interface Quest { limits: Limit[]; targets: Target[]; pieces: Typed; runs: Typed; points: Typed }

const given = (name: string, v: Typed) => (v === '' ? {} : { [name]: v })

export function searchOf(scenario: Schemas['v1Scenario'], q: Quest, keep: boolean) {
  return {
    scenario, keep, pieces: q.pieces || 0, runs: q.runs || 0, points: q.points || 0, seed: 1,
    reservoirs: q.limits.filter((l) => l.on).map((l) => ({ reservoir: l.reservoir, least: l.least || 0, most: l.most || 0, ramp: l.ramp || 0, ...given('highest', l.highest), ...given('endLeast', l.endLeast), ...given('endMost', l.endMost) })),
    targets: q.targets.map((x) => ({ station: x.station, variable: x.variable || 'VARIABLE_UNSPECIFIED', ...given('value', x.value) })),
  }
}
