// Waves and outages: warnings that belong together.
import { shallowRef } from 'vue'
import { onFeed, onFeedReset } from './feed'

/** freshet.v1.WarningGroup, as the feed and /v1/groups give it. */
export interface Group {
  id: string
  basin: string
  kind: string
  event: string
  at: string | null
  openedAt: string | null
  closedAt: string | null
  stage: string
  highest: string
  station: string
  cause: string
  department: string
  headwater: string
  mouth: string
  stations: GroupStation[]
  stationCount: number
  standing: number
  textZh: string
  textEn: string
  forecastIssuedAt: string | null
}

export interface GroupStation {
  station: string
  stage: string
  highest: string
  joinedAt: string | null
  leftAt: string | null
  arrivals: { stage: string; at: string | null; observed: boolean }[]
  peakAt: string | null
  peakValue: number | string
  peakObserved: boolean
  peakVariable: string
  rain: boolean
  cause: string
}

export const groups = shallowRef<ReadonlyMap<string, Group>>(new Map())

let arrived: Group[] = []
onFeed((answer) => {
  const g = answer.group
  if (!g) return
  if (arrived.push(g) > 1) return
  setTimeout(() => {
    const all = new Map(groups.value)
    for (const x of arrived) all.set(x.id, x) // the last one heard is all that one needs to know
    arrived = []
    groups.value = all
  }, 50)
})
onFeedReset(() => {
  arrived = []
  groups.value = new Map()
})
