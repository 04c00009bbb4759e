// The alert feed, as it came: each warning once, in order.
import { computed, ref, shallowRef } from 'vue'
import type { DutyEvent, WatchAnswer, Warning } from '@/api/client'
import { FeedLink, type LinkState } from '@/lib/feedlink'
import { eachSecond, resetEngineNow, tellEngineNow } from './clock'
import { refused, signedIn } from './session'
import { stages } from './stages'

/** What a screen keeps of the feed; older warnings are in the archive. */
const most = 3000

export const link = ref<LinkState>({ kind: 'connecting' })
/** Newest first. */
export const warnings = shallowRef<readonly Warning[]>([])
/** What people on duty did, and what followed from time; newest first. */
export const dutyEvents = shallowRef<readonly DutyEvent[]>([])
/** Warnings that the server still holds back behind the last one. */
export const unseen = ref(0)
/** Wall time at which anything was last heard. */
export const heardAt = ref<number | null>(null)

/** Nothing is heard from the server: what the screen shows may be old. */
export const lostSince = computed(() => (link.value.kind === 'lost' ? link.value.since : null))
export const live = computed(() => link.value.kind === 'live')
/** The screen must not look well. */
export const stale = computed(() => (link.value.kind === 'refused' ? stages.stale.value : link.value.kind !== 'live') || stages.stale.value)

type Listener = (answer: WatchAnswer, name: string) => void
const listeners = new Set<Listener>()
/** Calls f for each event of the feed, heartbeats too. */
export function onFeed(f: Listener): () => void {
  listeners.add(f)
  return () => listeners.delete(f)
}
const resets = new Set<() => void>()
/** Calls f when the feed begins anew and all that came of it must be forgotten. */
export function onFeedReset(f: () => void): () => void {
  resets.add(f)
  return () => resets.delete(f)
}

let arrived: Warning[] = []
let done: DutyEvent[] = []
const known = new Set<string>()
let flushing = false

// The oldest warnings come in a burst at first: shown together, not one by one.
function flush() {
  flushing = false
  warnings.value = [...arrived.reverse(), ...warnings.value].slice(0, most)
  arrived = []
  dutyEvents.value = [...done.reverse(), ...dutyEvents.value].slice(0, most)
  done = []
  void stages.refresh()
}

const feed = new FeedLink({
  url: (token) => '/v1/warnings/feed?' + (token ? `resume_token=${encodeURIComponent(token)}` : 'from_start=true'),
  events: ['heartbeat', 'warning', 'group', 'duty', 'forecast_watch'],
  onState(s) {
    link.value = s
    // A session that ended: the router shows the login page.
    if (s.kind === 'refused' && s.status === 401) {
      refused()
      if (signedIn.value) setTimeout(again, 2000) // between two sessions
    }
    if (s.kind === 'live') void stages.refresh()
  },
  onReset() {
    arrived = []
    done = []
    known.clear()
    warnings.value = []
    dutyEvents.value = []
    resetEngineNow()
    for (const f of resets) f()
  },
  onEvent(name, data) {
    const answer = JSON.parse(data) as WatchAnswer
    heardAt.value = Date.now()
    unseen.value = Number(answer.unseen)
    tellEngineNow(answer.now)
    if (answer.warning && !known.has(answer.warning.id)) {
      known.add(answer.warning.id)
      arrived.push(answer.warning)
    }
    if (answer.duty && !known.has(answer.duty.id)) {
      known.add(answer.duty.id)
      done.push(answer.duty)
    }
    if (!flushing && (arrived.length || done.length)) {
      flushing = true
      setTimeout(flush, 50)
    }
    for (const f of listeners) f(answer, name)
  },
})

let stopBeat: (() => void) | null = null
export function startFeed() {
  if (stopBeat) return
  stopBeat = eachSecond(() => feed.tick())
  feed.start()
}

/** For another person, or none. */
export function stopFeed() {
  stopBeat?.()
  stopBeat = null
  feed.stop()
}

function again() {
  if (!stopBeat || link.value.kind !== 'refused') return
  stopFeed()
  startFeed()
}

export function restartFeed() {
  stopFeed()
  stopBeat = eachSecond(() => feed.tick())
  feed.restart()
}
