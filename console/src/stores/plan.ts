// The bodies' plans and where they stand, and the calls that are running.
import { api, must, type Schemas } from '@/api/client'
import { needsName } from './alarms'
import { officer } from './prefs'
import { resource } from './resource'
import { me } from './session'

export type Response = Schemas['v1Response']
export type Measure = Schemas['v1Measure']
export type CallRound = Schemas['v1CallRound']
export type Call = Schemas['v1Call']
export type Level = Schemas['v1ResponseLevel']

export const responses = resource(() => must(api.GET('/v1/responses')), 5_000)
export const rounds = resource(() => must(api.GET('/v1/calls')), 5_000)

/** Who does it, and an id by which a command that is sent twice is obeyed once. */
function signed() {
  const b = crypto.getRandomValues(new Uint8Array(16))
  return { requestId: [...b].map((x) => x.toString(16).padStart(2, '0')).join(''), by: me.value?.auth ? '' : officer.value.trim() }
}

export { needsName }

async function done<T>(of: { refresh(): Promise<void> }, call: Promise<T>): Promise<T> {
  try {
    return await call
  } finally {
    await of.refresh()
  }
}

export const declare = (r: Response, level: Level, text: string) =>
  done(responses, must(api.POST('/v1/responses/declare', { body: { ...signed(), basin: r.basin, plan: r.plan, level, text } })))
export const standDown = (r: Response, text: string) =>
  done(responses, must(api.POST('/v1/responses/stand-down', { body: { ...signed(), basin: r.basin, plan: r.plan, text } })))
export const update = (r: Response, m: Measure, action: Schemas['v1MeasureAction'], text: string) =>
  done(responses, must(api.POST('/v1/responses/measures', { body: { ...signed(), basin: r.basin, plan: r.plan, measure: m.id, action, text } })))
export const attempt = (c: CallRound, call: Call, text: string) =>
  done(rounds, must(api.POST('/v1/calls/attempts', { body: { ...signed(), basin: c.basin, person: call.person, group: c.wave, station: c.group ? '' : c.station, stage: c.stage, text } })))
export const confirm = (c: CallRound, call: Call, text: string) =>
  done(rounds, must(api.POST('/v1/calls/confirmations', { body: { ...signed(), basin: c.basin, person: call.person, group: c.wave, station: c.group ? '' : c.station, stage: c.stage, text } })))
