// The board's rows as the table shows, sorts and filters them.
import { num } from '@/lib/num'
import type { Cell } from '@/lib/sort'
import { departmentOf, stageOf, urgency, type Department, type Stage } from '@/lib/stage'
import { ms } from '@/lib/time'
import type { Trend } from '@/lib/trend'
import type { BoardRow } from '@/stores/board'

export interface Row {
  id: string
  nameZh: string
  nameEn: string
  river: string
  department: Department
  kind: string
  stage: Stage
  reasonZh: string
  reasonEn: string
  /** Of the newest level or, without one, flow. */
  at: number | null
  level: number | null
  flow: number | null
  trend: Trend | null
  change: number | null
  changeFrom: number | null
  changeTo: number | null
  overWarning: number | null
  overGuarantee: number | null
  hasWarning: boolean
  hasGuarantee: boolean
  rain: Record<'h1' | 'h3' | 'h6' | 'h24' | 'd8', { mm: number; coverage: number } | null>
  /** Seconds. */
  age: number | null
  overdue: boolean
  /** The worse of level's and flow's: PASS, SUSPECT, FAIL, NOT_EVALUATED or '' of none. */
  quality: string
  why: string
  whyZh: string
  tests: string[]
}

const windows = { h1: 3600, h3: 10_800, h6: 21_600, h24: 86_400, d8: 0 } as const
const severity = ['', 'NOT_EVALUATED', 'PASS', 'SUSPECT', 'FAIL']

export function rowOf(b: BoardRow): Row {
  const values = [b.level, b.flow].filter((v) => v !== null)
  const quality = (q: string) => q.replace('QUALITY_', '').replace('UNSPECIFIED', '')
  const worst = values.reduce<(typeof values)[number] | null>((a, v) => (a === null || severity.indexOf(quality(v.quality)) > severity.indexOf(quality(a.quality)) ? v : a), null)
  const trend = b.trend?.trend.replace('TREND_', '').toLowerCase()
  const rain = (w: number) => {
    const r = b.rain.find((x) => x.windowS === w)
    const mm = num(r?.rain)
    return r && mm !== null ? { mm, coverage: num(r.coverage) ?? 0 } : null
  }
  return {
    id: b.station,
    nameZh: b.nameZh,
    nameEn: b.nameEn,
    river: b.river,
    department: departmentOf(b.department),
    kind: b.kind,
    stage: stageOf(b.stage),
    reasonZh: b.reasonZh,
    reasonEn: b.reasonEn,
    at: ms(b.level?.at) ?? ms(b.flow?.at),
    level: num(b.level?.value),
    flow: num(b.flow?.value),
    trend: trend === 'rising' || trend === 'falling' || trend === 'steady' ? trend : null,
    change: num(b.trend?.change),
    changeFrom: ms(b.trend?.from),
    changeTo: ms(b.trend?.to),
    overWarning: num(b.overWarning),
    overGuarantee: num(b.overGuarantee),
    hasWarning: num(b.warningLevel) !== null,
    hasGuarantee: num(b.guaranteeLevel) !== null,
    rain: { h1: rain(windows.h1), h3: rain(windows.h3), h6: rain(windows.h6), h24: rain(windows.h24), d8: rain(windows.d8) },
    age: num(b.ageS),
    overdue: b.overdue,
    quality: worst ? quality(worst.quality) : '',
    why: worst?.why ?? '',
    whyZh: worst?.whyZh ?? '',
    tests: worst?.tests ?? [],
  }
}

export type Column =
  | 'stage' | 'name' | 'river' | 'at' | 'level' | 'trend' | 'overWarning' | 'overGuarantee' | 'flow'
  | 'h1' | 'h3' | 'h6' | 'h24' | 'd8' | 'age' | 'department' | 'quality'

const trendOrder = { falling: 0, steady: 1, rising: 2 }

export function cell(r: Row, c: Column, zh: boolean): Cell {
  switch (c) {
    case 'stage': return urgency(r.stage)
    case 'name': return (zh ? r.nameZh : r.nameEn) || r.id
    case 'river': return r.river || null
    case 'trend': return r.trend === null ? null : trendOrder[r.trend]
    case 'h1': case 'h3': case 'h6': case 'h24': case 'd8': return r.rain[c]?.coverage ? r.rain[c].mm : null
    case 'department': return r.department
    case 'quality': return r.quality ? severity.indexOf(r.quality) : null
    default: return r[c]
  }
}

export interface Filter {
  text: string
  /** A stage, 'attention' for warned or blind, '' for all. */
  stage: string
  department: string
  /** 'water', 'rain' or ''. */
  kind: string
}

export function matches(r: Row, f: Filter): boolean {
  if (f.stage === 'attention' ? r.stage === 'clear' : f.stage && r.stage !== f.stage) return false
  if (f.department && r.department !== f.department) return false
  if (f.kind === 'water' && r.kind === 'rain') return false
  if (f.kind === 'rain' && r.kind !== 'rain') return false
  const words = f.text.trim().toLowerCase().split(/\s+/).filter(Boolean)
  const all = `${r.id} ${r.nameZh} ${r.nameEn} ${r.river}`.toLowerCase()
  return words.every((w) => all.includes(w))
}
