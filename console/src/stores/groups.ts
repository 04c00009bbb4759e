// Waves and outages: warnings that belong together.
import { shallowRef } from 'vue'
import type { Schemas } from '@/api/client'
import { onFeed, onFeedReset } from './feed'

export type Group = Schemas['v1WarningGroup']
export type GroupStation = Schemas['v1GroupStation']

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
