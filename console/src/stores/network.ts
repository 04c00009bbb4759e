// The basins as they lie: for the map. Their rain changes with each forecast.
import { api, must, type Schemas } from '@/api/client'
import { resource } from './resource'
import { stations } from './stations'

export type Network = Schemas['v1GetNetworkResponse']
export type NetworkStation = Schemas['v1NetworkStation']
export type SubBasin = Schemas['v1NetworkSubBasin']

export const networks = resource(async () => {
  if (!stations.data.value) await stations.refresh()
  if (!stations.data.value && stations.error.value) throw stations.error.value
  const basins = [...new Set((stations.data.value?.stations ?? []).map((s) => s.basin))].sort()
  return Promise.all(basins.map((basin) => must(api.GET('/v1/network', { params: { query: { basin } } }))))
}, 30_000)
