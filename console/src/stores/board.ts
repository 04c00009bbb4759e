// The station table: one row a station.
import { api, must, type Schemas } from '@/api/client'
import { tellEngineNow } from './clock'
import { resource } from './resource'

export type BoardRow = Schemas['v1BoardRow']

export const board = resource(async () => {
  const r = await must(api.GET('/v1/board'))
  tellEngineNow(r.now)
  return r
}, 5_000)
