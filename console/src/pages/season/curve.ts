// The curve of a season: what has fallen day by day, beside what is normal.
import { num } from '@/lib/num'
import { dayTime, ms } from '@/lib/time'
import type { Schemas } from '@/api/client'

export type Rain = Schemas['v1SeasonRain']

/** Puts ≥ or ≈ before what hangs on a place's rain, as its rain is meant. */
export function bounded(r: Rain, text: string): string {
  return r.bound === 'SEASON_BOUND_AT_LEAST' ? `≥ ${text}` : r.bound === 'SEASON_BOUND_ABOUT' ? `≈ ${text}` : text
}

/** The place among years: under a lower bound it is that or higher, and nothing is higher than the first. */
export function ranked(r: Rain, orHigher: string): string {
  if (!r.rank) return '–'
  const place = `${r.rank.place}/${r.rank.of}`
  if (r.bound === 'SEASON_BOUND_ABOUT') return `≈ ${place}`
  return r.bound === 'SEASON_BOUND_AT_LEAST' && r.rank.place > 1 ? `${place} ${orHigher}` : place
}

export interface Curve {
  /** [instant, mm]; what is not known is null and breaks the line. */
  total: [number, number | null][]
  normal: [number, number | null][]
  /** [start, end, mm or null] of the days that have begun. */
  days: [number, number, number | null][]
}

export function curveOf(r: Rain, to: number): Curve {
  const c: Curve = { total: [], normal: [], days: [] }
  for (const d of r.days) {
    const from = ms(d.from)
    const end = ms(d.to)
    if (from === null || end === null) continue
    const normal = num(d.normal)
    if (normal !== null) {
      if (c.normal.length === 0) c.normal.push([from, 0])
      c.normal.push([end, normal])
    }
    if (from >= to) continue
    const total = num(d.total)
    if (total !== null && c.total.length === 0) c.total.push([from, 0])
    if (total !== null || c.total.length > 0) c.total.push([end, total])
    c.days.push([from, end, num(d.rain)])
  }
  return c
}

export interface Look {
  colour: (name: string) => string
  font: string
  say: (key: string) => string
  normalName: string
  totalName: string
  /** The curve must not be compared: too much is missing. */
  withheld: boolean
  narrow: boolean
}

export function seasonOption(c: Curve, from: number, until: number, look: Look) {
  const text = look.colour('text')
  const dim = look.colour('dim')
  const line = look.colour('line')
  const axis = { axisLine: { lineStyle: { color: line } }, axisLabel: { color: dim, fontFamily: look.font }, nameTextStyle: { color: dim, fontFamily: look.font } }
  const mm = (v: unknown) => (typeof v === 'number' ? `${v.toFixed(1)} mm` : '–')
  return {
    animation: false,
    aria: { enabled: true },
    textStyle: { fontFamily: look.font, color: text },
    grid: { left: look.narrow ? 44 : 56, right: look.narrow ? 40 : 52, top: 34, bottom: 34 },
    tooltip: {
      trigger: 'axis', confine: true, backgroundColor: look.colour('panel'), borderColor: line, textStyle: { color: text, fontFamily: look.font },
      formatter: (rows: { seriesName: string; value: (number | null)[] }[]) =>
        [dayTime(rows[0]?.value[0] ?? null), ...rows.map((r) => `${r.seriesName}  ${mm(r.value[1])}`)].join('<br>'),
    },
    xAxis: { type: 'time', min: from, max: until, ...axis, axisLabel: { ...axis.axisLabel, hideOverlap: true, formatter: (at: number) => dayTime(at).slice(0, 5) } },
    yAxis: [
      { type: 'value', name: look.say('unitTotal'), min: 0, ...axis, splitLine: { lineStyle: { color: line } } },
      { type: 'value', name: look.say('unitDay'), min: 0, ...axis, splitLine: { show: false } },
    ],
    series: [
      { name: look.say('day'), type: 'bar', yAxisIndex: 1, barMaxWidth: 14, itemStyle: { color: look.colour('accent'), opacity: 0.35 }, data: c.days.map(([a, b, v]) => [(a + b) / 2, v]) },
      { name: look.normalName, type: 'line', symbol: 'none', lineStyle: { color: dim, type: 'dashed', width: 2 }, itemStyle: { color: dim }, data: c.normal },
      { name: look.totalName, type: 'line', symbol: look.withheld ? 'emptyCircle' : 'circle', symbolSize: 5, lineStyle: { color: look.colour('accent'), width: 2.5, type: look.withheld ? 'dotted' : 'solid' }, itemStyle: { color: look.colour('accent') }, data: c.total },
    ],
  }
}
