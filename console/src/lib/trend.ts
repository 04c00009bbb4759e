// 水势, the way a water level moves, as a bulletin's arrow tells it.

export type Trend = 'rising' | 'falling' | 'steady'

/** What a gauge reads beside itself in an hour without any change of the river. */
export const steadyWithin = 0.02 // m/h

/** The trend of a rate in m/h; null where no rate is known. */
export function trendOf(rate: number | null): Trend | null {
  if (rate === null) return null
  if (rate > steadyWithin) return 'rising'
  return rate < -steadyWithin ? 'falling' : 'steady'
}

export const arrow: Record<Trend, string> = { rising: '↑', falling: '↓', steady: '→' }

/** Rate of change in units per hour over the last hour of points, which ascend;
 * null without two points a quarter of an hour apart. */
export function ratePerHour(points: readonly { at: number; value: number }[], over = 3600_000): number | null {
  const last = points.at(-1)
  if (!last) return null
  const first = points.find((p) => p.at >= last.at - over)
  if (!first || last.at - first.at < over / 4) return null
  return ((last.value - first.value) / (last.at - first.at)) * 3600_000
}
