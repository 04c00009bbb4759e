// What is typed into the form, as the question that the server understands.
import type { Schemas } from '@/api/client'

export interface Form {
  name: string
  at: number | null
  kind: 'AS_FORECAST' | 'NONE' | 'STORM'
  factor: number | ''
  shift: number | ''
  total: number | ''
  duration: number | ''
  peak: number | ''
  after: number | ''
  /** By reservoir, m³/s. */
  releases: Record<string, number | ''>
  soil: number | ''
  lost: string[]
}

const seconds = (hours: number | '') => Math.round((hours || 0) * 3600)

export function scenarioOf(f: Form, basin: string): Schemas['v1Scenario'] {
  // To the server a factor of 0 is one that was left out.
  const kind = `SCENARIO_RAIN_KIND_${f.kind === 'AS_FORECAST' && f.factor === 0 ? 'NONE' : f.kind}` as Schemas['v1ScenarioRainKind']
  const rain = kind.endsWith('NONE') ? { kind } : f.kind === 'STORM'
    ? { kind, total: f.total || 0, durationS: seconds(f.duration), peak: f.peak === '' ? 0.5 : f.peak, afterS: seconds(f.after) }
    : { kind, factor: f.factor === '' ? 1 : f.factor, shiftS: seconds(f.shift) }
  return {
    nameZh: f.name, nameEn: f.name, basin,
    ...(f.at === null ? {} : { asOf: new Date(f.at).toISOString() }),
    rain,
    schedules: Object.entries(f.releases).flatMap(([reservoir, outflow]) => (outflow === '' ? [] : [{ reservoir, releases: [{ afterS: 0, outflow }] }])),
    soil: f.soil === '' ? [] : [{ filled: f.soil }],
    lost: f.lost,
  } as unknown as Schemas['v1Scenario'] // what is left out is as it is
}
