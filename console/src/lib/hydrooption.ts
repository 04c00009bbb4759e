// The drawing of a hydrograph, as an ECharts option.
import type { Ahead, Mark, Observed, Point, Quantity } from './hydrograph'
import { axis } from './hydrograph'
import { fixed, flow, rain as mm } from './num'
import { dayTime } from './time'

export interface RainBar {
  /** Start and end of what it sums up. */
  from: number
  to: number
  value: number | null
}

export interface HydroModel {
  quantity: Quantity
  /** Of the axis, with unit and datum. */
  axisName: string
  rainName: string
  from: number
  to: number
  now: number | null
  observed: Observed
  ahead: Ahead
  /** The forecast is past its time: drawn, and marked as not to be trusted. */
  expired: boolean
  marks: Mark[]
  rain: RainBar[]
  peak: { at: number; value: number } | null
  /** Further curves, each with its own colour and dashes, so that they are told apart in grey. */
  curves?: Curve[]
  /** What the line at now is called, if it is not now. */
  nowName?: string
  /** Stands across the drawing, in a picture of it too. */
  watermark?: string
}

export interface Curve {
  name: string
  /** A colour of the theme. */
  colour: string
  dash: 'solid' | number[]
  line: Point[]
}

interface Look {
  colour: (name: string) => string
  /** The page's, which a canvas does not inherit. */
  font: string
  t: (key: string, named?: Record<string, unknown>) => string
  narrow: boolean
}

// The time axis speaks UTC; people read Beijing time off it.
const zone = 8 * 3600_000
const x = (at: number) => at + zone

export const escape = (s: string) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

export function hydroOption(m: HydroModel, { colour, font, t, narrow }: Look): Record<string, unknown> {
  const digits = m.quantity === 'level' ? 2 : 1
  const show = (v: number) => (m.quantity === 'level' ? fixed(v, 2) : flow(v))
  const text = colour('text')
  const dim = colour('dim')
  const hasRain = m.rain.length > 0
  const values = [
    ...m.observed.line.flatMap((p) => (p[1] === null ? [] : [p[1]])),
    ...m.observed.suspect.map((p) => p.value),
    ...m.ahead.line.flatMap((p) => (p[1] === null ? [] : [p[1]])),
    ...m.ahead.band.flatMap((b) => [b.p10, b.p90]),
    ...(m.curves ?? []).flatMap((c) => c.line.flatMap((p) => (p[1] === null ? [] : [p[1]]))),
  ]
  const [lo, hi] = axis(values, m.marks.map((k) => k.value))
  const shown = m.marks.filter((k) => k.value >= lo && k.value <= hi)
  const rainMost = Math.max(10, ...m.rain.map((r) => r.value ?? 0))
  const left = narrow ? 46 : 62
  const right = narrow ? 12 : 24
  const time = (at: number) => dayTime(at - zone)

  const level = { xAxisIndex: 0, yAxisIndex: 0 }
  const band = (name: string, low: (b: Ahead['band'][number]) => number, high: (b: Ahead['band'][number]) => number, opacity: number) => [
    { ...level, type: 'line', name: `${name}-`, stack: name, stackStrategy: 'all', symbol: 'none', lineStyle: { opacity: 0 }, data: m.ahead.band.map((b) => [x(b.at), low(b)]), silent: true, z: 1, tooltip: { show: false } },
    { ...level, type: 'line', name, stack: name, stackStrategy: 'all', symbol: 'none', lineStyle: { opacity: 0 }, areaStyle: { color: colour('forecast'), opacity }, data: m.ahead.band.map((b) => [x(b.at), high(b) - low(b)]), silent: true, z: 1, tooltip: { show: false } },
  ]
  const series: Record<string, unknown>[] = [
    ...(m.ahead.band.length ? [...band('b80', (b) => b.p10, (b) => b.p90, 0.16), ...band('b50', (b) => b.p25, (b) => b.p75, 0.2)] : []),
    {
      ...level,
      type: 'line',
      name: t('station.observed'),
      data: m.observed.line.map(([at, v]) => [x(at), v]),
      connectNulls: false,
      showSymbol: false,
      symbol: 'circle',
      symbolSize: 4,
      lineStyle: { color: colour('level'), width: 2.2 },
      itemStyle: { color: colour('level') },
      z: 5,
      markLine: {
        silent: true,
        symbol: 'none',
        animation: false,
        data: [
          ...shown.map((k) => ({
            yAxis: k.value,
            lineStyle: { color: k.stage ? colour(`stage-${k.stage}`) : dim, type: k.stage ? 'solid' : 'dashed', width: 1.4 },
            label: { formatter: k.caption, position: 'insideStartTop', color: text, fontSize: narrow ? 11 : 13, fontWeight: 600, backgroundColor: colour('panel'), padding: [1, 4], borderRadius: 3, distance: 1 },
          })),
          ...(m.now === null ? [] : [{ xAxis: x(m.now), lineStyle: { color: text, type: 'solid', width: 1.5 }, label: { formatter: m.nowName ?? t('station.now'), position: 'insideEndTop', rotate: 0, color: colour('bg'), backgroundColor: text, padding: [2, 5], borderRadius: 3, fontSize: 11, distance: 0 } }]),
        ],
      },
      markArea: {
        silent: true,
        itemStyle: { color: dim, opacity: 0.1 },
        label: { show: !narrow, color: dim, fontSize: 11, position: 'insideBottom' },
        data: m.observed.gaps.filter(([a, b]) => b > m.from && a < m.to).map(([a, b]) => [{ xAxis: x(Math.max(a, m.from)), name: b - a > (m.to - m.from) / 18 ? t('station.gap') : '' }, { xAxis: x(Math.min(b, m.to)) }]),
      },
    },
    {
      ...level,
      type: 'line',
      name: t('station.forecast'),
      data: m.ahead.line.map(([at, v]) => [x(at), v]),
      connectNulls: false,
      showSymbol: false,
      lineStyle: { color: colour('forecast'), width: 2.2, type: [7, 5], opacity: m.expired ? 0.5 : 1 },
      itemStyle: { color: colour('forecast') },
      z: 6,
    },
    ...(m.curves ?? []).map((c, i) => ({
      ...level,
      type: 'line',
      name: c.name,
      data: c.line.map(([at, v]) => [x(at), v]),
      connectNulls: false,
      showSymbol: false,
      lineStyle: { color: colour(c.colour), width: 2.4, type: c.dash },
      itemStyle: { color: colour(c.colour) },
      z: 6,
      ...(i === 0 && m.watermark ? { markArea: { silent: true, itemStyle: { opacity: 0 }, label: { show: true, position: 'inside', color: colour('drill'), opacity: 0.45, fontSize: narrow ? 20 : 34, fontWeight: 800 }, data: [[{ name: m.watermark, xAxis: x(m.from), yAxis: lo }, { xAxis: x(m.to), yAxis: hi }]] } } : {}),
    })),
    ...(m.peak ? [{
      ...level,
      type: 'scatter',
      name: t('station.peak'),
      data: [[x(m.peak.at), m.peak.value]],
      symbol: 'triangle',
      symbolSize: 11,
      itemStyle: { color: colour('forecast') },
      label: { show: true, position: 'top', formatter: `${t('station.peak')} ${show(m.peak.value)}`, color: text, fontWeight: 600, fontSize: 12, backgroundColor: colour('panel'), padding: [1, 4], borderRadius: 3 },
      z: 8,
      tooltip: { show: false },
    }] : []),
    {
      ...level,
      type: 'scatter',
      name: t('quality.SUSPECT'),
      data: m.observed.suspect.map((p) => ({ value: [x(p.at), p.value], why: p.why })),
      symbol: 'emptyCircle',
      symbolSize: 7,
      itemStyle: { color: colour('level') },
      z: 7,
    },
    {
      ...level,
      type: 'scatter',
      name: t('quality.FAIL'),
      // Where it lies off the axis, at the edge: that it was there must be seen.
      data: m.observed.failed.map((p) => ({ value: [x(p.at), Math.min(hi, Math.max(lo, p.value))], why: p.why, told: p.value })),
      symbol: 'path://M0 0 L10 10 M10 0 L0 10',
      symbolSize: 8,
      itemStyle: { color: 'none', borderColor: colour('bad'), borderWidth: 1.5 },
      z: 7,
    },
  ]
  if (hasRain) {
    series.push({
      type: 'bar',
      name: m.rainName,
      xAxisIndex: 1,
      yAxisIndex: 1,
      data: m.rain.map((r) => ({ value: [x((r.from + r.to) / 2), r.value], from: r.from, to: r.to })),
      barWidth: '88%',
      barMaxWidth: 26,
      barMinWidth: 1.5,
      itemStyle: { color: colour('rain') },
      z: 3,
    })
  }

  const timeAxis = (gridIndex: number, labels: boolean) => ({
    type: 'time',
    gridIndex,
    min: x(m.from),
    max: x(m.to),
    splitNumber: narrow ? 4 : 9,
    axisLine: { lineStyle: { color: colour('line') }, onZero: false },
    axisTick: { show: labels },
    axisLabel: {
      show: labels,
      color: dim,
      fontSize: 12.5,
      hideOverlap: true,
      formatter: (v: number) => {
        const [day, clock] = time(v).split(' ')
        return clock === '00:00' ? `{day|${day}}` : `${clock}`
      },
      rich: { day: { color: text, fontWeight: 700 } },
    },
    splitLine: { show: true, lineStyle: { color: colour('line'), opacity: 0.5 } },
    axisPointer: { show: true, label: { show: labels, formatter: (p: { value: number }) => time(p.value) } },
  })
  const top = hasRain ? '33%' : 34
  return {
    useUTC: true,
    animation: false,
    backgroundColor: 'transparent',
    textStyle: { fontFamily: font, fontSize: 12.5 },
    aria: { enabled: false }, // the page says it in words
    axisPointer: { link: [{ xAxisIndex: 'all' }], lineStyle: { color: dim } },
    grid: [
      { left, right, top, bottom: 34 },
      ...(hasRain ? [{ left, right, top: 30, height: '18%' }] : []),
    ],
    xAxis: [timeAxis(0, true), ...(hasRain ? [timeAxis(1, false)] : [])],
    yAxis: [
      {
        gridIndex: 0, type: 'value', min: lo, max: hi, name: m.axisName, nameLocation: 'end', nameGap: 10,
        nameTextStyle: { color: dim, fontSize: 12.5, align: 'left', padding: [0, 0, 0, -left + 8] },
        axisLabel: { color: dim, fontSize: 12.5, formatter: (v: number) => (m.quantity === 'level' ? fixed(v, hi - lo < 1 ? digits : 1) : flow(v)) },
        splitLine: { lineStyle: { color: colour('line'), opacity: 0.5 } },
      },
      ...(hasRain ? [{
        gridIndex: 1, type: 'value', inverse: true, min: 0, max: Math.ceil(rainMost / 10) * 10, interval: (Math.ceil(rainMost / 10) * 10) / 2, name: m.rainName, nameLocation: 'start', nameGap: 8,
        nameTextStyle: { color: dim, fontSize: 12.5, align: 'left', padding: [0, 0, 0, -left + 8] }, axisLabel: { color: dim, fontSize: 12.5 }, splitLine: { lineStyle: { color: colour('line'), opacity: 0.35 } },
      }] : []),
    ],
    tooltip: {
      trigger: 'axis',
      confine: true,
      backgroundColor: colour('raised'),
      borderColor: colour('line'),
      textStyle: { color: text, fontSize: 13 },
      formatter: (all: unknown) => tip(all as TipItem[], m, t, show, time),
    },
    series,
  }
}

interface TipItem {
  seriesName: string
  axisValue: number
  value: [number, number | null]
  data: { why?: string; told?: number; from?: number; to?: number }
}

function tip(all: TipItem[], m: HydroModel, t: Look['t'], show: (v: number) => string, time: (at: number) => string): string {
  const first = all[0]
  if (!first) return ''
  const lines = [`<b>${time(first.axisValue)}</b>`]
  const seen = new Set<string>()
  for (const p of all) {
    const v = p.value?.[1]
    if (v === null || v === undefined || seen.has(p.seriesName) || /^b[58]0/.test(p.seriesName)) continue
    seen.add(p.seriesName)
    if (p.seriesName === m.rainName) lines.push(`${escape(m.rainName)} ${mm(v)}（${time((p.data.from ?? 0) + zone)}–${time((p.data.to ?? 0) + zone).slice(6)}）`)
    else lines.push(`${escape(p.seriesName)} <b>${show(p.data.told ?? v)}</b>${p.data.why ? ` ${escape(p.data.why)}` : ''}`)
  }
  const at = first.axisValue - zone
  const near = m.ahead.band.find((b) => Math.abs(b.at - at) <= 1800_000)
  if (near) lines.push(`${t('station.band80')} ${show(near.p10)} – ${show(near.p90)}`)
  return lines.join('<br>')
}
