// One thing that the server knows, kept fresh while somebody looks at it.
import { computed, onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { ApiError } from '@/api/client'
import { eachSecond, wall } from './clock'

export interface Resource<T> {
  data: ShallowRef<T | null>
  /** Why the last try failed; null after a success. */
  error: Ref<ApiError | null>
  /** Wall time of the last success, or null. */
  at: Ref<number | null>
  loading: Ref<boolean>
  /** What is shown is older than three intervals: it must not look well. */
  stale: Readonly<Ref<boolean>>
  refresh(): Promise<void>
  /** Drops what is held and asks anew, e.g. as another person. */
  reset(): void
  /** Keeps it fresh as long as the calling component lives. */
  use(): Resource<T>
}

export function resource<T>(fetcher: () => Promise<T>, everyMs: number): Resource<T> {
  const data = shallowRef<T | null>(null)
  const error = ref<ApiError | null>(null)
  const at = ref<number | null>(null)
  const loading = ref(false)
  let running: Promise<void> | null = null
  let again = false
  let generation = 0
  let tried = 0
  let users = 0
  let stopBeat: (() => void) | null = null

  function refresh(): Promise<void> {
    if (running) {
      again = true // what is asked for now may be newer than what is on its way
      return running
    }
    const mine = generation
    loading.value = true
    tried = Date.now()
    running = (async () => {
      try {
        const d = await fetcher()
        if (mine === generation) {
          data.value = d
          at.value = Date.now()
          error.value = null
        }
      } catch (e) {
        if (mine === generation) error.value = e instanceof ApiError ? e : new ApiError(-1, String(e))
      } finally {
        loading.value = false
        running = null
      }
    })()
    return running.then(() => {
      if (!again) return
      again = false
      return refresh()
    })
  }

  const r: Resource<T> = {
    data,
    error,
    at,
    loading,
    stale: computed(() => at.value === null || wall.value - at.value > 3 * everyMs + 5000),
    refresh,
    reset() {
      generation++
      data.value = null
      at.value = null
      error.value = null
      if (users) void refresh()
    },
    use() {
      users++
      stopBeat ??= eachSecond(() => {
        // Hidden, it is told by the feed; but nobody tells what a try that failed has missed.
        if ((!document.hidden || error.value) && Date.now() - tried >= everyMs) void refresh()
      })
      if (!running && (at.value === null || Date.now() - at.value > everyMs)) void refresh()
      onScopeDispose(() => {
        if (--users > 0) return
        stopBeat?.()
        stopBeat = null
      })
      return r
    },
  }
  return r
}
