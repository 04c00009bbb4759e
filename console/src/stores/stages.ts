// Where every station stands now.
import { computed } from 'vue'
import { api, must, type StationStage } from '@/api/client'
import { stageOf, stages as names, type Stage } from '@/lib/stage'
import { tellEngineNow } from './clock'
import { resource } from './resource'

export const stages = resource(async () => {
  const r = await must(api.GET('/v1/stages'))
  tellEngineNow(r.now)
  return r
}, 5_000)

export const stageById = computed(() => new Map<string, StationStage>((stages.data.value?.stages ?? []).map((s) => [s.station, s])))

/** How many stations stand at each stage. */
export const counts = computed(() => {
  const n: Record<Stage, number> = { clear: 0, blue: 0, yellow: 0, orange: 0, red: 0, blind: 0, unknown: 0 }
  for (const s of stages.data.value?.stages ?? []) n[stageOf(s.stage)]++
  return n
})
export const total = computed(() => names.reduce((sum, s) => sum + counts.value[s], counts.value.unknown))
