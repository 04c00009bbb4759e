// One series of the history, kept up to date by asking only for what is new.
import { api, must, type Observation, type Schemas } from '@/api/client'
import { ms } from '@/lib/time'

const overlap = 3600_000 // readings may be corrected, or come late

/** Observations of one series; load() asks for what came since. */
export class Series {
  private held = new Map<number, Observation>()
  private from = Infinity
  private last = 0
  private whole = 0

  constructor(private readonly station: string, private readonly variable: string, private readonly sensor = 0) {}

  async load(from: number, to: number): Promise<Observation[]> {
    const anew = from < this.from || Date.now() - this.whole > 600_000 // late corrections reach back further than the overlap
    const start = anew ? from : Math.max(from, this.last - overlap)
    if (anew) this.held = new Map()
    for (let next: number | null = start; next !== null; ) {
      const r: Schemas['v1GetHistoryResponse'] = await must(
        api.GET('/v1/stations/{station}/history', {
          params: {
            path: { station: this.station },
            query: { variable: this.variable as 'VARIABLE_WATER_LEVEL', sensor: this.sensor, from: new Date(next).toISOString(), to: new Date(to).toISOString() },
          },
        }),
      )
      let newest: number = next
      for (const o of r.observations) {
        const at = ms(o.at)
        if (at === null) continue
        this.held.set(at, o)
        newest = Math.max(newest, at)
      }
      next = r.truncated && newest > next ? newest + 1 : null
      this.last = Math.max(this.last, newest)
    }
    if (anew) {
      this.from = from
      this.whole = Date.now()
    }
    for (const at of this.held.keys()) if (at < from) this.held.delete(at)
    return [...this.held.entries()].sort((a, b) => a[0] - b[0]).map(([, o]) => o)
  }
}
