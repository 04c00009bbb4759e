// The desk's own troubles, and the tone that wakes whoever sleeps before it.
import { computed, ref, shallowRef, watch } from 'vue'
import { Ringer, troubles as all, type Trouble } from '@/lib/troubles'
import { eachSecond, serverNow, wall } from './clock'
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
watch(lostSince, (since) => (lostNoticed.value = since === null ? null : (lostNoticed.value ?? Date.now())), { immediate: true, flush: 'sync' })

export const troubles = computed<Trouble[]>(() => all({
  now: wall.value,
  serverNow: serverNow() + 0 * wall.value, // each second anew
  signedIn: signedIn.value,
  lostSince: link.value.kind === 'refused' ? null : lostSince.value,
  lostNoticed: lostNoticed.value,
  stagesSince: stagesSince.value,
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
  ringer.heard(sounding.value)
  listen()
})

/** "I know": it is quiet for a while. */
export function know(t: Trouble) {
  ringer.acknowledge(t, Date.now())
  listen()
}
export const quietUntil = (t: Trouble) => ringer.quietUntil(t, wall.value)
