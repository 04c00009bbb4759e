// The catalogue's stations, which change when somebody installs another one.
import { computed } from 'vue'
import { api, must, type Station } from '@/api/client'
import { resource } from './resource'

export const stations = resource(() => must(api.GET('/v1/stations')), 60_000)

export const stationById = computed(() => new Map<string, Station>((stations.data.value?.stations ?? []).map((s) => [s.id, s])))
