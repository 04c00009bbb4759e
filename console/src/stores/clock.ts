// Two clocks: the wall's, which says how old what we show is, and the engine's,
// which all values are of. On a replay they run apart.
import { onScopeDispose, ref, watch } from 'vue'
import { ms, type Instant } from '@/lib/time'

/** The wall clock, moved each second. */
export const wall = ref(Date.now())
let ahead = 0 // of the server's clock before ours, in ms
/** The wall clock of the server, as its answers tell it. */
export const serverNow = () => Date.now() + ahead
/** Hears the Date of an answer, which is whole seconds. */
export function hearDate(date: string | null) {
  const at = date === null ? NaN : Date.parse(date)
  if (!Number.isNaN(at) && Math.abs(at - serverNow()) > 1500) ahead = at + 500 - Date.now()
}

/** The latest engine time that the server told, or null. */
export const engineNow = ref<number | null>(null)

/** When it last went on, by the server's clock; null: it was never told. */
export const engineMovedAt = ref<number | null>(null)
/** When it was last told, moved or not. */
export const engineToldAt = ref<number | null>(null)

/** Engine time goes forwards only, but for a server that began anew. */
export function tellEngineNow(t: Instant) {
  const at = ms(t)
  if (at === null) return
  engineToldAt.value = serverNow()
  if (engineNow.value !== null && at <= engineNow.value) return
  engineNow.value = at
  engineMovedAt.value = engineToldAt.value
}

export function resetEngineNow() {
  engineNow.value = engineMovedAt.value = engineToldAt.value = null
}

const beats = new Set<() => void>()
/** Calls f each second, and at once when the computer wakes or comes online. */
export function eachSecond(f: () => void): () => void {
  beats.add(f)
  return () => beats.delete(f)
}

function beat() {
  wall.value = Date.now()
  for (const f of beats) f()
}
// From a worker, so that a hidden tab does not sleep; by itself until that speaks,
// and where there is none.
let own: ReturnType<typeof setInterval> | null = setInterval(beat, 1000)
let worker: Worker | null = null
let spoke = 0 // when the worker last did
function startWorker() {
  try {
    worker?.terminate()
    const mine = (worker = new Worker(new URL('../lib/beat.worker.ts', import.meta.url), { type: 'module' }))
    spoke = performance.now() + 10_000 // its file has yet to come
    mine.onmessage = () => {
      spoke = performance.now()
      if (own !== null) clearInterval(own)
      own = null
      beat()
    }
    // E.g. the server is away: it cannot send the worker's file.
    mine.onerror = () => {
      mine.terminate()
      if (worker !== mine) return
      worker = null
      own ??= setInterval(beat, 1000)
      setTimeout(startWorker, 10_000)
    }
  } catch {
    // an old browser: hidden, it notices each minute
  }
}
setTimeout(startWorker, 1500) // the first page comes first
// A worker may also die without a word.
setInterval(() => {
  if (worker === null || performance.now() - spoke <= 3000) return
  own ??= setInterval(beat, 1000)
  beat()
  startWorker()
}, 5000)
window.addEventListener('online', beat)
document.addEventListener('visibilitychange', beat)

/** Calls f, at most each two seconds, when engine time has gone on by step: on a
 * replay that runs fast the wall's pace is too slow. */
export function eachEngineStep(step: number, f: () => void) {
  let at = engineNow.value ?? 0
  let called = 0
  onScopeDispose(
    watch(engineNow, (now) => {
      if (now === null || Math.abs(now - at) < step || Date.now() - called < 2000) return
      at = now
      called = Date.now()
      f()
    }),
  )
}
