// A scenario in words: what it changes, and nothing of what it leaves as it is.
import type { Schemas } from '@/api/client'
import { fixed, flow, num } from '@/lib/num'
import { stageOf } from '@/lib/stage'
import { full, ms } from '@/lib/time'

interface Voice {
  /** A word of the rehearsal's pages. */
  w: (key: string, named?: Record<string, unknown>) => string
  t: (key: string, named?: Record<string, unknown>) => string
  span: (millis: number) => string
  /** Names of stations, reservoirs and sub-basins. */
  nameOf: (id: string) => string
}

export function told(s: Schemas['v1Scenario'] | null, { w, t, span, nameOf }: Voice): string[] {
  const out: string[] = []
  const r = s?.rain
  const kind = r?.kind?.replace('SCENARIO_RAIN_KIND_', '')
  if (kind === 'NONE') out.push(w('of.none'))
  if (kind === 'STORM') out.push(w('of.storm', { total: fixed(r!.total, 0), span: span(r!.durationS * 1000) }))
  if (kind === 'PAST') out.push(w('of.past', { from: full(ms(r!.from)), until: full(ms(r!.until)) }))
  if (kind === 'SERIES') out.push(w('of.series', { n: r!.series.length }))
  const factor = num(r?.factor)
  if (factor && factor !== 1) out.push(w('of.factor', { n: factor }))
  if (r?.shiftS) out.push(w('of.shifted', { span: t(r.shiftS > 0 ? 'hydro.later' : 'hydro.sooner', { span: span(Math.abs(r.shiftS) * 1000) }) }))
  for (const x of s?.schedules ?? []) {
    const list = x.releases.map((y) => (y.afterS ? w('of.at', { flow: `${flow(y.outflow)} m³/s`, span: span(y.afterS * 1000) }) : `${flow(y.outflow)} m³/s`)).join('、')
    out.push(x.gates.length ? w('of.gates', { who: nameOf(x.reservoir) }) : w('of.release', { who: nameOf(x.reservoir), list }))
  }
  for (const x of s?.soil ?? []) {
    const where = x.subBasin ? nameOf(x.subBasin) : w('everywhere')
    const change = num(x.change)
    out.push(change ? w('of.soilChange', { where, n: `${change > 0 ? '+' : '−'}${Math.round(Math.abs(change) * 100)}` }) : w('of.soil', { where, n: Math.round((num(x.filled) ?? 0) * 100) }))
  }
  if (s?.lost.length) out.push(w('of.lost', { list: s.lost.map(nameOf).join('、') }))
  for (const x of s?.thresholds ?? []) out.push(w('of.threshold', { who: nameOf(x.station), stage: t(`stage.${stageOf(x.stage)}`), value: x.variable === 'VARIABLE_DISCHARGE' ? `${flow(x.value)} m³/s` : `${fixed(x.value, 2)} ${t('unit.m')}` }))
  return out
}
