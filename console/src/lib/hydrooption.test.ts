import { describe, expect, it } from 'vitest'
import { marks, observed, type Obs } from './hydrograph'
import { hydroOption, type HydroModel } from './hydrooption'

// What stands on the drawing, made from what the server sends.
const t0 = Date.parse('2026-06-10T00:00:00Z')
const min = 60_000
const h = 60 * min
const zone = 8 * h // the axis shows Beijing time
const obs = (minutes: number, value: number, quality = 'QUALITY_PASS', why = ''): Obs => ({ at: new Date(t0 + minutes * min).toISOString(), value, quality, why })
const look = { colour: (name: string) => `<${name}>`, font: 'f', t: (key: string) => key, narrow: false }

const model = (more: Partial<HydroModel> = {}): HydroModel => ({
  quantity: 'level',
  axisName: 'level',
  rainName: 'rain',
  from: t0 - h,
  to: t0 + 4 * h,
  now: t0 + 70 * min,
  observed: observed([obs(0, 2), obs(5, 2.1), obs(10, 7, 'QUALITY_SUSPECT', 'spike'), obs(15, 2.2), obs(20, 99, 'QUALITY_FAIL', 'range'), obs(60, 3), obs(65, 3.1), obs(70, 3.2)], t0 + 70 * min),
  ahead: { line: [[t0 + 70 * min, 3.2], [t0 + 2 * h, 4], [t0 + 3 * h, 3.5]], band: [{ at: t0 + 2 * h, p10: 3, p25: 3.5, p50: 4, p75: 4.6, p90: 5.4 }] },
  expired: false,
  marks: marks([{ stage: 'STAGE_BLUE', variable: 'VARIABLE_WATER_LEVEL', value: 4.5, windowS: 0 }, { stage: 'STAGE_UNSPECIFIED', variable: 'VARIABLE_WATER_LEVEL', value: 5, windowS: 0, nameZh: '警戒水位' }], 'VARIABLE_WATER_LEVEL', (s, n, v) => `${n.zh || s} ${v}`),
  rain: [{ from: t0 - h, to: t0, value: 0 }, { from: t0, to: t0 + h, value: 12.5 }, { from: t0 + h, to: t0 + 2 * h, value: null }],
  peak: { at: t0 + 2 * h, value: 4 },
  ...more,
})

interface Series {
  type: string
  name: string
  data: unknown[]
  xAxisIndex: number
  yAxisIndex: number
  symbol?: string
  connectNulls?: boolean
  lineStyle?: { type?: unknown; opacity?: number; color?: string }
  areaStyle?: { opacity: number }
  stack?: string
  itemStyle?: { color?: string; borderColor?: string }
  markLine?: { data: { xAxis?: number; yAxis?: number; lineStyle: { color: string; type: string }; label: { formatter: string } }[] }
  markArea?: { data: [{ xAxis: number; name: string }, { xAxis: number }][] }
}
interface Axis { inverse?: boolean; min: number; max: number; name: string; gridIndex: number }
const drawn = (m: HydroModel, l = look) => {
  const o = hydroOption(m, l) as { series: Series[]; yAxis: Axis[]; xAxis: Axis[]; grid: { height?: string }[]; tooltip: { formatter: (all: unknown) => string } }
  const named = (name: string) => {
    const s = o.series.find((x) => x.name === name)
    if (!s) throw new Error(`no ${name} among ${o.series.map((x) => x.name).join(', ')}`)
    return s
  }
  return { ...o, named }
}

describe('the rain', () => {
  it('hangs from the top, on an axis of its own that ends above the highest bar', () => {
    const d = drawn(model())
    const bars = d.named('rain')
    expect(bars.type).toBe('bar')
    const axis = d.yAxis[bars.yAxisIndex]!
    expect(axis).toMatchObject({ inverse: true, min: 0, gridIndex: 1 })
    expect(axis.max).toBeGreaterThanOrEqual(12.5)
    expect(d.grid).toHaveLength(2)
  })
  it('stands in the middle of its hour, and is no bar where nobody measured', () => {
    const bars = drawn(model()).named('rain').data as { value: [number, number | null] }[]
    expect(bars.map((b) => b.value)).toEqual([[t0 - h / 2 + zone, 0], [t0 + h / 2 + zone, 12.5], [t0 + 1.5 * h + zone, null]])
  })
  it('takes no room where there is no gauge', () => {
    const d = drawn(model({ rain: [] }))
    expect(d.grid).toHaveLength(1)
    expect(d.yAxis).toHaveLength(1)
    expect(() => d.named('rain')).toThrow()
  })
})

describe('what was observed', () => {
  it('is a whole line, broken where reports are missing', () => {
    const line = drawn(model()).named('station.observed')
    expect(line.connectNulls).toBe(false)
    expect(line.lineStyle!.type).toBeUndefined()
    const data = line.data as [number, number | null][]
    expect(data.filter((p) => p[1] === null)).toHaveLength(1)
    expect(data.map((p) => p[1])).toEqual([2, 2.1, 2.2, null, 3, 3.1, 3.2])
    expect(data[0]![0]).toBe(t0 + zone)
  })
  it('has its gaps shaded, and those that are long are called so', () => {
    const gaps = drawn(model()).named('station.observed').markArea!.data
    expect(gaps.map(([a, b]) => [a.xAxis, b.xAxis, a.name])).toEqual([[t0 + 15 * min + zone, t0 + 60 * min + zone, 'station.gap']])
    const outside = drawn(model({ from: t0 + 2 * h })).named('station.observed').markArea!.data
    expect(outside).toEqual([])
  })
  it('has doubtful points hollow and on no line, with the reason', () => {
    const s = drawn(model()).named('quality.SUSPECT')
    expect(s).toMatchObject({ type: 'scatter', symbol: 'emptyCircle' })
    expect(s.data).toEqual([{ value: [t0 + 10 * min + zone, 7], why: 'spike' }])
  })
  it('has wrong points as crosses, at the edge where they lie beyond it, and tells their value', () => {
    const d = drawn(model())
    const s = d.named('quality.FAIL')
    expect(s.symbol).toMatch(/^path:/)
    expect(s.data).toEqual([{ value: [t0 + 20 * min + zone, d.yAxis[0]!.max], why: 'range', told: 99 }])
    const tip = d.tooltip.formatter([{ seriesName: 'quality.FAIL', axisValue: t0 + zone, value: [t0, d.yAxis[0]!.max], data: { why: 'range', told: 99 } }])
    expect(tip).toContain('99.00')
    expect(tip).toContain('range')
  })
})

describe('thresholds', () => {
  it('are lines with their captions, in the colour of their stage; a mark without a colour is dashed', () => {
    const lines = drawn(model()).named('station.observed').markLine!.data.filter((l) => l.yAxis !== undefined)
    expect(lines.map((l) => [l.yAxis, l.label.formatter, l.lineStyle.color, l.lineStyle.type])).toEqual([
      [5, '警戒水位 5', '<dim>', 'dashed'],
      [4.5, 'blue 4.5', '<stage-blue>', 'solid'],
    ])
  })
  it('that are far away do not flatten the curve and are not drawn off it', () => {
    const far = drawn(model({ marks: [{ value: 8, stage: 'blue', caption: 'b' }, { value: 400, stage: 'red', caption: 'r' }] }))
    expect(far.yAxis[0]!.max).toBeLessThan(50) // the next above the water is always there
    expect(far.named('station.observed').markLine!.data.map((l) => l.label.formatter)).not.toContain('r')
  })
})

describe('now', () => {
  it('is a line with a name, at its instant', () => {
    const line = (m: HydroModel) => drawn(m).named('station.observed').markLine!.data.filter((l) => l.xAxis !== undefined)
    expect(line(model()).map((l) => [l.xAxis, l.label.formatter])).toEqual([[t0 + 70 * min + zone, 'station.now']])
    expect(line(model({ nowName: 'as of' }))[0]!.label.formatter).toBe('as of')
    expect(line(model({ now: null }))).toEqual([])
  })
})

describe('the forecast', () => {
  it('is dashed, unlike what was observed, and pale once it has expired', () => {
    const f = drawn(model()).named('station.forecast')
    expect(Array.isArray(f.lineStyle!.type)).toBe(true)
    expect(f.lineStyle!.color).not.toBe(drawn(model()).named('station.observed').lineStyle!.color)
    expect(f.lineStyle!.opacity).toBe(1)
    expect(drawn(model({ expired: true })).named('station.forecast').lineStyle!.opacity).toBeLessThan(0.7)
  })
  it('breaks where it has no value', () => {
    const f = drawn(model({ ahead: { line: [[t0, 1], [t0 + h, null], [t0 + 2 * h, 2]], band: [] } })).named('station.forecast')
    expect(f.connectNulls).toBe(false)
    expect(f.data).toEqual([[t0 + zone, 1], [t0 + h + zone, null], [t0 + 2 * h + zone, 2]])
  })
  it('has its bands from the lower to the higher quantile, the narrow one darker', () => {
    const d = drawn(model())
    for (const [name, low, high] of [['b80', 3, 5.4], ['b50', 3.5, 4.6]] as const) {
      const [base, top] = [d.named(`${name}-`), d.named(name)]
      expect(base.stack).toBe(top.stack)
      const [[at, from]] = base.data as [[number, number]]
      const [[, height]] = top.data as [[number, number]]
      expect([at, from, Number((from + height).toFixed(6))]).toEqual([t0 + 2 * h + zone, low, high])
    }
    expect(d.named('b50').areaStyle!.opacity).toBeGreaterThan(d.named('b80').areaStyle!.opacity)
    expect(d.yAxis[0]!.max).toBeGreaterThanOrEqual(5.4)
    expect(() => drawn(model({ ahead: { line: [], band: [] } })).named('b80')).toThrow()
  })
  it('has its crest marked with its value', () => {
    const p = drawn(model()).named('station.peak') as Series & { label: { formatter: string } }
    expect(p.data).toEqual([[t0 + 2 * h + zone, 4]])
    expect(p.label.formatter).toContain('4.00')
    expect(() => drawn(model({ peak: null })).named('station.peak')).toThrow()
  })
})

describe('the axes', () => {
  it('of rain and river go over the same time', () => {
    const d = drawn(model())
    expect(d.xAxis).toHaveLength(2)
    for (const x of d.xAxis) expect([x.min, x.max]).toEqual([t0 - h + zone, t0 + 4 * h + zone])
  })
  it('hold all that is drawn', () => {
    const d = drawn(model())
    for (const v of [2, 3.2, 7, 5.4, 5]) {
      expect(d.yAxis[0]!.min).toBeLessThanOrEqual(v)
      expect(d.yAxis[0]!.max).toBeGreaterThanOrEqual(v)
    }
  })
})

it('what people or stations are called is text, not markup', () => {
  const tip = drawn(model()).tooltip.formatter([{ seriesName: '<img onerror=x>', axisValue: t0 + zone, value: [t0 + zone, 2], data: { why: '<b>' } }])
  expect(tip).not.toContain('<img')
  expect(tip.match(/<b>/g)).toHaveLength(2) // of ours: the time and the value
})
