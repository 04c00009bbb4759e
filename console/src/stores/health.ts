// How the data come in: gateways, refusals, what is not seen, conflicts.
import { api, must, type Schemas } from '@/api/client'
import { resource } from './resource'

export type GatewayStatus = Schemas['v1GatewayStatus']
export type BlindSet = Schemas['v1BlindSet']
export type Conflict = Schemas['v1Conflict']

export const gateways = resource(() => must(api.GET('/v1/gateways')), 5_000)
export const conflicts = resource(() => must(api.GET('/v1/conflicts')), 15_000)
