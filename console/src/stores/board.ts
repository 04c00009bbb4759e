// The station table in one request, and the basins that it speaks of.
import { computed } from 'vue'
import { api, must, type Schemas } from '@/api/client'
import { stageOf, urgency } from '@/lib/stage'
import { tellEngineNow } from './clock'
import { resource } from './resource'

export type BoardRow = Schemas['v1BoardRow']

export const board = resource(async () => {
  const r = await must(api.GET('/v1/board'))
  tellEngineNow(r.now)
  return r
}, 5_000)

export const rowById = computed(() => new Map<string, BoardRow>((board.data.value?.rows ?? []).map((r) => [r.station, r])))

/** Those that are not well, the worst first. */
export const unwell = computed(() =>
  (board.data.value?.rows ?? [])
    .filter((r) => stageOf(r.stage) !== 'clear' || r.cause !== '')
    .sort((a, b) => urgency(stageOf(b.stage)) - urgency(stageOf(a.stage)) || a.station.localeCompare(b.station)),
)
