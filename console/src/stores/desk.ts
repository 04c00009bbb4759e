// The desk's own troubles, and the tone that wakes whoever sleeps before it.
import { computed, ref, shallowRef, watch } from 'vue'
import { Ringer, standsStill, troubles as all, type Trouble } from '@/lib/troubles'
import { alarms, kept } from './alarms'
import { eachSecond, engineMovedAt, engineNow, engineToldAt, serverNow, wall } from './clock'
import { link, lostSince } from './feed'
import { wanting } from './outlook'
import { endedAt, sessionEnds, signedIn } from './session'
import { lacking, onLossHeard } from './sound'
import { stages } from './stages'

// A hidden tab does not ask for stages; the feed tells it of them.
const seenSince = ref<number | null>(document.hidden ? null : Date.now())
document.addEventListener('visibilitychange', () => (seenSince.value = document.hidden ? null : Date.now()))
const stagesSince = computed(() => (seenSince.value !== null && stages.at.value !== null && stages.stale.value ? Math.max(stages.at.value, seenSince.value) : null))

const lostNoticed = ref<number | null>(null)
// What did not come while the feed was away, or nobody was signed in, is not missed from then.
const backSince = ref(Date.now())
watch([lostSince, signedIn], ([since, yes]) => {
  if (since === null && yes) backSince.value = Date.now()
}, { flush: 'sync' })
const failedSince = ref<number | null>(null)
watch(alarms.error, (e) => (failedSince.value = e && (failedSince.value ?? Date.now())), { immediate: true, flush: 'sync' })
// A server that keeps no alarms, and an account that may not see them, lack none. A
// hidden tab asks again only for what failed.
const alarmsSince = computed(() => {
  const e = alarms.error.value
  if (!alarms.stale.value || !kept.value || e?.status === 403) return null
  const since = e ? failedSince.value : alarms.at.value === null ? null : seenSince.value
  return since === null ? null : Math.max(since, alarms.at.value ?? 0, backSince.value)
})

const engine = computed(() => (engineNow.value === null || engineMovedAt.value === null || engineToldAt.value === null ? null : { told: engineNow.value, movedAt: engineMovedAt.value, toldAt: engineToldAt.value }))
const still = computed(() => standsStill(engine.value))
const stillNoticed = ref<number | null>(null)
watch(still, (yes) => (stillNoticed.value = yes ? Date.now() : null), { flush: 'sync' })

watch(lostSince, (since) => (lostNoticed.value = since === null ? null : (lostNoticed.value ?? Date.now())), { immediate: true, flush: 'sync' })

export const troubles = computed<Trouble[]>(() => all({
  now: wall.value,
  serverNow: serverNow() + 0 * wall.value, // each second anew
  signedIn: signedIn.value,
  lostSince: link.value.kind === 'refused' ? null : lostSince.value,
  lostNoticed: lostNoticed.value,
  stagesSince: stagesSince.value,
  alarmsSince: alarmsSince.value,
  engine: engine.value && { ...engine.value, noticed: stillNoticed.value },
  sessionEnds: sessionEnds.value,
  endedAt: endedAt.value,
  forecasts: wanting.value,
}))

const ringer = new Ringer()
/** Those that sound now. */
export const sounding = shallowRef<readonly Trouble[]>([])

function listen() {
  const now = Date.now()
  ringer.forget(troubles.value)
  sounding.value = ringer.sounding(troubles.value, now)
  lacking.value = sounding.value.length > 0
}
watch(troubles, listen, { immediate: true })
eachSecond(listen)
onLossHeard(() => {
  ringer.heard(sounding.value, Date.now())
  listen()
})

/** "I know": it is quiet for a while. */
export function know(t: Trouble) {
  ringer.acknowledge(t, Date.now())
  listen()
}
export const quietUntil = (t: Trouble) => ringer.quietUntil(t, wall.value)
