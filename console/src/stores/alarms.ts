// What waits for somebody: the alarms, after ISA-18.2, as the server keeps them.
import { computed, watch } from 'vue'
import { api, ApiError, must, type Schemas } from '@/api/client'
import { rankOf, stageOf, type Stage } from '@/lib/stage'
import { ms } from '@/lib/time'
import { onFeed, onFeedReset } from './feed'
import { officer } from './prefs'
import { resource } from './resource'
import { me } from './session'
import { ring, toneOf, waiting } from './sound'
import { stageById } from './stages'

export type AlarmState = 'unacknowledged' | 'acknowledged' | 'returned' | 'shelved' | 'out_of_service'

export interface Alarm {
  station: string
  basin: string
  state: AlarmState
  stage: Stage
  since: number | null
  /** The stage as it last was, if it is clear now. */
  was: Stage
  /** The warning that last raised it. */
  warning: string
  /** The newest warning of the station. */
  latest: string
  by: string
  reason: string
  until: number | null
}

const states: Partial<Record<Schemas['v1AlarmState'], AlarmState>> = {
  ALARM_STATE_UNACKNOWLEDGED: 'unacknowledged',
  ALARM_STATE_ACKNOWLEDGED: 'acknowledged',
  ALARM_STATE_RETURNED_UNACKNOWLEDGED: 'returned',
  ALARM_STATE_SHELVED: 'shelved',
  ALARM_STATE_OUT_OF_SERVICE: 'out_of_service',
}

export const alarms = resource(async () => {
  const r = await must(api.GET('/v1/alarms'))
  return r.alarms.map<Alarm>((a) => ({
    station: a.station,
    basin: a.basin,
    state: states[a.state] ?? 'unacknowledged', // of a newer server: better one look too many
    stage: stageOf(a.stage),
    was: stageOf(a.was),
    since: ms(a.since),
    warning: a.warning,
    latest: a.latestWarning,
    by: a.by?.name || a.by?.id || '',
    reason: a.reason,
    until: ms(a.until),
  }))
}, 5_000)

export const alarmByStation = computed(() => new Map<string, Alarm>((alarms.data.value ?? []).map((a) => [a.station, a])))
export const waits = (a: Alarm | undefined) => a?.state === 'unacknowledged' || a?.state === 'returned'

const open = computed(() => (alarms.data.value ?? []).filter(waits))
const ranked = computed(() =>
  open.value.filter((a) => a.state === 'unacknowledged').map((a) => ({ station: a.station, rank: rankOf(a.stage, stageById.value.get(a.station)?.escalated ?? false) })),
)
/** Alarms that nobody has acknowledged; null: not known. */
export const unacknowledged = computed(() => (alarms.data.value === null ? null : open.value.length))

/** Everybody whose calls ran out and who has not confirmed since. */
export const calls = resource(async () => (await must(api.GET('/v1/calls/unreached'))).unreached, 10_000)
/** How many; null: not known. */
export const unreached = computed(() => calls.data.value?.length ?? null)

// The sound follows what waits; something new or worse is heard at once.
let before = new Map<string, number>()
watch(ranked, (sounding) => {
  waiting.value = sounding.length ? toneOf(Math.max(...sounding.map((a) => a.rank))) : null
  const fresh = sounding.filter((a) => a.rank > (before.get(a.station) ?? -1))
  before = new Map(sounding.map((a) => [a.station, a.rank]))
  if (fresh.length) ring(toneOf(Math.max(...fresh.map((a) => a.rank))))
})

let due = false
onFeed((_, name) => {
  if (name === 'heartbeat' || due) return
  due = true
  setTimeout(() => {
    due = false
    void alarms.refresh()
    void calls.refresh()
  }, 60)
})
onFeedReset(() => {
  before = new Map()
  alarms.reset()
})

function commandId(): string {
  const b = crypto.getRandomValues(new Uint8Array(16))
  return [...b].map((x) => x.toString(16).padStart(2, '0')).join('')
}

/** A server that asks nobody who they are takes the officer's word. */
export const needsName = computed(() => me.value !== null && !me.value.auth && officer.value.trim() === '')

// Who does it, and an id by which a command that is sent twice is done once.
const signed = () => ({ requestId: commandId(), ...(me.value?.auth ? {} : { by: officer.value.trim() }) })

async function done(call: Parameters<typeof must>[0]) {
  try {
    await must(call)
  } finally {
    await alarms.refresh()
  }
}

// The warnings as they were seen: what has risen since is not acknowledged with them.
const seen = (all: readonly Alarm[]) => ({ warnings: all.flatMap((a) => a.warning || []), stations: all.flatMap((a) => (a.warning ? [] : a.station)) })
const ids = (all: readonly Alarm[]) => ({ stations: all.map((a) => a.station) })

export const acknowledge = (all: readonly Alarm[], note = '') => done(api.POST('/v1/alarms/acknowledge', { body: { ...signed(), ...seen(all), note } }))
export const shelve = (all: readonly Alarm[], until: number, reason: string) =>
  done(api.POST('/v1/alarms/shelve', { body: { ...signed(), ...seen(all), until: new Date(until).toISOString(), reason } }))
export const unshelve = (all: readonly Alarm[]) => done(api.POST('/v1/alarms/unshelve', { body: { ...signed(), ...ids(all) } }))
export const takeOut = (all: readonly Alarm[], reason: string) => done(api.POST('/v1/alarms/out-of-service', { body: { ...signed(), ...ids(all), reason } }))
export const bringBack = (all: readonly Alarm[]) => done(api.POST('/v1/alarms/in-service', { body: { ...signed(), ...ids(all) } }))

/** Whether the server keeps alarms at all. */
export const kept = computed(() => !(alarms.error.value instanceof ApiError && (alarms.error.value.status === 404 || alarms.error.value.status === 501)))
