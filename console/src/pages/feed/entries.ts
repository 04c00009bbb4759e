// What waits and what stands, put together: one card a wave or an outage, and the
// stations that belong to none by themselves.
import type { StationStage } from '@/api/client'
import { highest, rankOf, stageOf, urgency, type Stage } from '@/lib/stage'
import { ms } from '@/lib/time'
import type { Alarm } from '@/stores/alarms'
import type { Group, GroupStation } from '@/stores/groups'

export interface Item {
  station: string
  stage: Stage
  status: StationStage | null
  alarm: Alarm | null
  /** Its place in the group's wave. */
  place: GroupStation | null
  waits: boolean
  /** Blind while the river around it rises: somebody must look. */
  escalated: boolean
  /** How much it asks for an eye. */
  rank: number
}

export interface Card {
  key: string
  group: Group | null
  stage: Stage
  items: Item[]
  /** Stations downstream that the wave has yet to reach. */
  coming: GroupStation[]
  waiting: number
  escalated: number
  rank: number
  at: number
}

const needsAck = (a: Alarm | null) => a?.state === 'unacknowledged' || a?.state === 'returned'

/** Cards, what waits first, then by urgency, then the newest. Each station that is
 * not clear, or whose alarm is not normal, is on exactly one card. */
export function cardsOf(stages: readonly StationStage[], alarms: readonly Alarm[], groups: Iterable<Group>): Card[] {
  const status = new Map(stages.map((s) => [s.station, s]))
  const alarm = new Map(alarms.map((a) => [a.station, a]))
  const open = new Set<string>(alarm.keys())
  for (const s of stages) if (stageOf(s.stage) !== 'clear') open.add(s.station)

  const item = (station: string, place: GroupStation | null): Item => {
    const st = status.get(station) ?? null
    const a = alarm.get(station) ?? null
    const escalated = st?.escalated ?? false
    const stage = stageOf(st?.stage)
    return { station, stage, status: st, alarm: a, place, waits: needsAck(a), escalated, rank: rankOf(stage, escalated) }
  }
  const cards: Card[] = []
  const placed = new Set<string>()
  // A blind group is the better word for a station that is only blind; a wave for all else.
  const running = [...groups].filter((g) => g.closedAt === null).sort((a, b) => Number(a.kind === 'GROUP_KIND_WAVE') - Number(b.kind === 'GROUP_KIND_WAVE'))
  for (const g of running) {
    const wave = g.kind === 'GROUP_KIND_WAVE'
    const mine = g.stations.filter((s) => open.has(s.station) && !placed.has(s.station) && (wave || stageOf(status.get(s.station)?.stage) === 'blind'))
    for (const s of mine) placed.add(s.station)
    const items = mine.map((s) => item(s.station, s))
    if (items.length === 0 && g.standing === 0) continue
    cards.push({
      key: g.id,
      group: g,
      stage: highest([stageOf(g.stage), ...items.map((i) => i.stage)]),
      items,
      coming: wave ? g.stations.filter((s) => !s.rain && !s.joinedAt && !open.has(s.station) && s.arrivals.length > 0) : [],
      waiting: items.filter((i) => i.waits).length,
      escalated: items.filter((i) => i.escalated).length,
      rank: Math.max(urgency(stageOf(g.stage)), ...items.map((i) => i.rank)),
      at: ms(g.at) ?? 0,
    })
  }
  for (const station of open) {
    if (placed.has(station)) continue
    const i = item(station, null)
    cards.push({ key: station, group: null, stage: i.stage, items: [i], coming: [], waiting: i.waits ? 1 : 0, escalated: i.escalated ? 1 : 0, rank: i.rank, at: ms(i.status?.since) ?? i.alarm?.since ?? 0 })
  }
  return cards.sort((a, b) => Number(b.waiting > 0) - Number(a.waiting > 0) || b.rank - a.rank || b.at - a.at || (a.key < b.key ? -1 : 1))
}
