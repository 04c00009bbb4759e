// The REST interface, typed from the server's own description of it.
import createClient, { type Middleware } from 'openapi-fetch'
import { hearDate } from '@/stores/clock'
import type { components, paths } from './schema'

export type Schemas = components['schemas']
export type Station = Schemas['v1Station']
export type StageThreshold = Schemas['v1StageThreshold']
export type StationStage = Schemas['v1StationStage']
export type Warning = Schemas['v1Warning']
export type Leg = Schemas['v1Leg']
export type Latest = Schemas['v1Latest']
export type Observation = Schemas['v1Observation']
export type HistoryPoint = Schemas['v1HistoryPoint']
export type Accumulation = Schemas['v1Accumulation']
export type Forecast = Schemas['v1Forecast']
export type StationForecast = Schemas['v1StationForecast']

/** What followed from a command of somebody, or from time. */
export type DutyEvent = Schemas['v1DutyEvent']
export type Explanation = Schemas['v1Explanation']

/** An event of the feed: freshet.v1.WatchWarningsResponse. It is no part of the
 * REST description, which knows no streams. */
export interface WatchAnswer {
  warning: Warning | null
  group?: Schemas['v1WarningGroup'] | null
  duty?: DutyEvent | null
  forecastWatch?: Schemas['v1ForecastWatch'] | null
  resumeToken: string
  unseen: string
  now: string | null
}

/** A field of a question by its path, e.g. scenario.soil[0].filled. */
export interface Violation {
  field: string
  description: string
}

/** What went wrong, in the server's own words. */
export class ApiError extends Error {
  constructor(
    /** HTTP's; 0 if the server could not be reached. */
    readonly status: number,
    message: string,
    /** What is wrong with which field of the question, where the server says so. */
    readonly fields: readonly Violation[] = [],
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

let unauthorised = () => {}
/** What to do when the server no longer knows who asks. */
export function onUnauthorised(f: () => void) {
  unauthorised = f
}

const tell: Middleware = {
  onResponse({ response }) {
    hearDate(response.headers.get('date'))
    if (response.status === 401) unauthorised()
  },
  onError() {
    return new ApiError(0, 'unreachable')
  },
}

export const api = createClient<paths>({ baseUrl: '' })
api.use(tell)

/** The data of an answer, or an ApiError with the server's text. */
export async function must<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call
  if (data === undefined) throw new ApiError(response.status, messageOf(error, response), violationsOf(error))
  return data
}

// google.rpc.BadRequest among the details of an error.
function violationsOf(error: unknown): Violation[] {
  const details = (error as { details?: { '@type'?: string; fieldViolations?: Violation[] }[] } | null)?.details
  return Array.isArray(details) ? details.flatMap((d) => (d['@type']?.endsWith('google.rpc.BadRequest') ? (d.fieldViolations ?? []) : [])) : []
}

/** The answers of a call that tells how far it is, a line of JSON each, as they come. */
export async function* lines(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<unknown> {
  let r: Response
  try {
    r = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal })
  } catch (e) {
    if (signal.aborted) throw e
    throw new ApiError(0, 'unreachable')
  }
  if (r.status === 401) unauthorised()
  if (!r.ok || !r.body) {
    const error: unknown = await r.json().catch(() => null)
    const inner = (error as { error?: unknown } | null)?.error ?? error
    throw new ApiError(r.status, messageOf(inner, r), violationsOf(inner))
  }
  const reader = r.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    const parts = (rest + (value ?? '')).split('\n')
    rest = done ? '' : (parts.pop() ?? '')
    for (const line of parts) {
      if (!line.trim()) continue
      const said = JSON.parse(line) as { result?: unknown; error?: { code?: number; message?: string; details?: unknown } }
      if (said.error) throw new ApiError(said.error.code === 3 ? 400 : 500, said.error.message ?? '', violationsOf(said.error))
      yield said.result
    }
    if (done) return
  }
}

function messageOf(error: unknown, response: Response): string {
  if (error && typeof error === 'object' && 'message' in error && typeof error.message === 'string') return error.message
  return `${response.status} ${response.statusText}`
}

/** The calls that are not in the REST description: signing in and out. */
export async function post(path: string, body?: unknown): Promise<unknown> {
  return request(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body ?? {}) })
}

export async function get(path: string): Promise<unknown> {
  return request(path, { headers: { Accept: 'application/json' } })
}

async function request(path: string, init: RequestInit): Promise<unknown> {
  let r: Response
  try {
    r = await fetch(path, init)
  } catch {
    throw new ApiError(0, 'unreachable')
  }
  hearDate(r.headers.get('date'))
  const text = await r.text()
  let data: unknown = null
  try {
    data = text ? JSON.parse(text) : null
  } catch {
    // not JSON: a proxy's page
  }
  if (r.status === 401 && path.startsWith('/v1/')) unauthorised()
  if (!r.ok) throw new ApiError(r.status, messageOf(data, r))
  return data
}
