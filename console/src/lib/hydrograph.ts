// What a hydrograph 过程线 shows, worked out from the server's answers: pure, so
// that what an officer sees can be tested without a screen.
import { num, type Num } from './num'
import { stageOf, type Stage } from './stage'
import { ms, type Instant } from './time'

/** [instant in ms, value]; null breaks the line: a gap is a gap. */
export type Point = [number, number | null]

export interface Obs {
  at: Instant
  value: Num
  quality: string
  why: string
}

export interface Observed {
  /** Values that forecasts and stages may use, broken where one is missing. */
  line: Point[]
  /** Doubtful: shown hollow, on no line. */
  suspect: { at: number; value: number; why: string }[]
  /** Wrong: shown as a cross, on no line. */
  failed: { at: number; value: number; why: string }[]
  /** Spans without any value that could be used. */
  gaps: [number, number][]
}

/** The usual time between reports: the median; null of fewer than three. */
export function usualStep(at: readonly number[]): number | null {
  const steps = at.slice(1).map((t, i) => t - at[i]!).filter((d) => d > 0)
  if (steps.length < 2) return null
  steps.sort((a, b) => a - b)
  return steps[Math.floor(steps.length / 2)]!
}

/** The observed curve in [.., until]. A gap is where more than two reports are
 * missing; so is the time from the last value to until. */
export function observed(all: readonly Obs[], until: number | null): Observed {
  const out: Observed = { line: [], suspect: [], failed: [], gaps: [] }
  const points: { at: number; value: number; quality: string; why: string }[] = []
  for (const o of all) {
    const at = ms(o.at)
    const value = num(o.value)
    if (at !== null && value !== null) points.push({ at, value, quality: o.quality, why: o.why })
  }
  points.sort((a, b) => a.at - b.at)
  const step = usualStep(points.map((p) => p.at))
  const longest = step === null ? Infinity : 2.5 * step
  let last: number | null = null
  for (const p of points) {
    if (p.quality === 'QUALITY_SUSPECT') out.suspect.push({ at: p.at, value: p.value, why: p.why })
    else if (p.quality === 'QUALITY_FAIL') out.failed.push({ at: p.at, value: p.value, why: p.why })
    else {
      if (last !== null && p.at - last > longest) {
        out.line.push([last + 1, null])
        out.gaps.push([last, p.at])
      }
      out.line.push([p.at, p.value])
      last = p.at
    }
  }
  if (last !== null && until !== null && until - last > longest) out.gaps.push([last, until])
  return out
}

export interface ForecastLike {
  issuedAt: Instant
  stepS: number
  bandStepS: number
}

export interface StationForecastLike {
  discharge: Num[]
  level: Num[]
  nowDischarge: Num
  nowLevel: Num
  band: { discharge: Num[]; level: Num[] }[]
}

export interface Band {
  at: number
  /** Not exceeded with 10, 25, 50, 75 and 90 %. */
  p10: number
  p25: number
  p50: number
  p75: number
  p90: number
}

export interface Ahead {
  line: Point[]
  band: Band[]
}

export type Quantity = 'level' | 'discharge'

/** The forecast curve with its band; empty where the run has none of it. */
export function ahead(f: ForecastLike | null, s: StationForecastLike | null, q: Quantity): Ahead {
  const issued = ms(f?.issuedAt)
  if (!f || !s || issued === null) return { line: [], band: [] }
  const now = num(q === 'level' ? s.nowLevel : s.nowDischarge)
  const values = (q === 'level' ? s.level : s.discharge).map(num)
  if (values.every((v) => v === null)) return { line: [], band: [] }
  const line: Point[] = values.map((v, i) => [issued + (i + 1) * f.stepS * 1000, v])
  if (now !== null && !(now === 0 && q === 'level')) line.unshift([issued, now])
  const band: Band[] = []
  s.band.forEach((b, i) => {
    const v = (q === 'level' ? b.level : b.discharge).map(num)
    const [, p10, p25, p50, p75, p90] = v
    if (p10 == null || p25 == null || p50 == null || p75 == null || p90 == null) return
    band.push({ at: issued + (i + 1) * f.bandStepS * 1000, p10, p25, p50, p75, p90 })
  })
  return { line, band }
}

export interface Mark {
  value: number
  /** The stage that it asks for; null: a mark such as 警戒水位. */
  stage: Stage | null
  caption: string
}

/** The thresholds of one quantity, highest first. */
export function marks(
  all: readonly { stage: string; variable: string; value: Num; windowS: number; nameZh?: string; nameEn?: string }[],
  variable: string,
  caption: (stage: Stage | null, name: { zh: string; en: string }, value: number) => string,
): Mark[] {
  const out: Mark[] = []
  for (const t of all) {
    const value = num(t.value)
    if (t.variable !== variable || value === null || t.windowS) continue
    const stage = t.stage === 'STAGE_UNSPECIFIED' ? null : stageOf(t.stage)
    out.push({ value, stage, caption: caption(stage, { zh: t.nameZh ?? '', en: t.nameEn ?? '' }, value) })
  }
  // One line where two say the same: a mark and the colour that begins at it.
  const merged = new Map<number, Mark>()
  for (const m of out) {
    const same = merged.get(m.value)
    merged.set(m.value, same ? { value: m.value, stage: same.stage ?? m.stage, caption: `${same.caption} · ${m.caption}` } : m)
  }
  return [...merged.values()].sort((a, b) => b.value - a.value)
}

/** The axis: all that was measured and is expected, the next mark above it, and
 * the others as far as they do not flatten the curve. */
export function axis(values: Iterable<number>, levels: readonly number[]): [number, number] {
  let lo = Infinity
  let hi = -Infinity
  for (const v of values) {
    lo = Math.min(lo, v)
    hi = Math.max(hi, v)
  }
  if (lo > hi) {
    if (levels.length === 0) return [0, 1]
    lo = Math.min(...levels)
    hi = Math.max(...levels)
  }
  const next = levels.filter((v) => v > hi).sort((a, b) => a - b)
  if (next[0] !== undefined) {
    hi = next[0]
    const reach = hi + 1.5 * Math.max(hi - lo, 0.5)
    for (const v of next) if (v <= reach) hi = v
  }
  const below = levels.filter((v) => v < lo && v >= lo - 0.5 * (hi - lo))
  lo = Math.min(lo, ...below)
  const margin = Math.max(0.06 * (hi - lo), 0.05)
  const nice = niceStep((hi - lo + 2 * margin) / 6)
  const floor = Math.floor((lo - margin) / nice) * nice
  return [round(lo >= 0 && floor < 0 ? 0 : floor), round(Math.ceil((hi + margin) / nice) * nice)]
}

export function niceStep(raw: number): number {
  const p = 10 ** Math.floor(Math.log10(raw))
  const f = raw / p
  return (f <= 1 ? 1 : f <= 2 ? 2 : f <= 5 ? 5 : 10) * p
}

const round = (v: number) => Number(v.toFixed(6))

/** The highest point of a curve. */
export function crest(line: readonly Point[]): { at: number; value: number } | null {
  let top: { at: number; value: number } | null = null
  for (const [at, value] of line) if (value !== null && (top === null || value > top.value)) top = { at, value }
  return top
}
