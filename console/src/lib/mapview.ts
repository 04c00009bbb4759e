// A map without tiles: it needs no internet. Degrees become pixels by an
// equirectangular projection true at the middle latitude, which is exact enough
// for a basin.

export interface Point {
  x: number
  y: number
}
export interface Degrees {
  longitude: number
  latitude: number
}
export interface Box {
  west: number
  east: number
  south: number
  north: number
}

/** The box around places, or null without any. */
export function boxOf(places: readonly Degrees[]): Box | null {
  if (places.length === 0) return null
  const lon = places.map((p) => p.longitude)
  const lat = places.map((p) => p.latitude)
  return { west: Math.min(...lon), east: Math.max(...lon), south: Math.min(...lat), north: Math.max(...lat) }
}

export interface View {
  /** Pixels of a place. */
  at(p: Degrees): Point
  /** Pixels per kilometre. */
  perKm: number
}

export const kmPerDegree = 111.195 // of latitude

/** A view that shows box within width × height, with a margin on each side, magnified by zoom around a centre in 0…1 of the box. */
export function viewOf(box: Box, width: number, height: number, margin: number, zoom = 1, centre: Point = { x: 0.5, y: 0.5 }): View {
  const squeeze = Math.cos((((box.south + box.north) / 2) * Math.PI) / 180)
  const spanX = Math.max((box.east - box.west) * squeeze, 1e-3)
  const spanY = Math.max(box.north - box.south, 1e-3)
  const scale = Math.min(Math.max(width - 2 * margin, 1) / spanX, Math.max(height - 2 * margin, 1) / spanY) * zoom // px per degree of latitude
  const midX = (box.west + centre.x * (box.east - box.west)) * squeeze
  const midY = box.north - centre.y * (box.north - box.south)
  return {
    at: (p) => ({ x: width / 2 + (p.longitude * squeeze - midX) * scale, y: height / 2 - (p.latitude - midY) * scale }),
    perKm: scale / kmPerDegree,
  }
}

/** Moves points that lie closer than gap apart (stations of one site) around their
 * middle, so that each can be hit. The order of the points stays. */
export function spread(points: readonly Point[], gap: number): Point[] {
  const out = points.map((p) => ({ ...p }))
  const done = new Set<number>()
  points.forEach((p, i) => {
    if (done.has(i)) return
    const group = points.map((_, k) => k).filter((k) => !done.has(k) && Math.hypot(points[k]!.x - p.x, points[k]!.y - p.y) < gap * 0.6)
    for (const k of group) done.add(k)
    if (group.length < 2) return
    const middle = { x: group.reduce((s, k) => s + points[k]!.x, 0) / group.length, y: group.reduce((s, k) => s + points[k]!.y, 0) / group.length }
    const radius = group.length === 2 ? gap / 2 : gap / (2 * Math.sin(Math.PI / group.length))
    group.forEach((k, n) => {
      const a = (2 * Math.PI * n) / group.length + (group.length === 2 ? 0 : -Math.PI / 2)
      out[k] = { x: middle.x + radius * Math.cos(a), y: middle.y + radius * Math.sin(a) }
    })
  })
  return out
}

export interface Label extends Point {
  /** px */
  width: number
  height: number
  /** Lower comes first. */
  rank: number
}

export type Side = 'right' | 'left' | 'below' | 'above'

/** On which side of its point each label fits without covering another label or
 * another point; null: it must be left out. */
export function placeLabels(labels: readonly Label[], points: readonly Point[], mark: number, width: number, height: number): (Side | null)[] {
  interface Rect { x: number; y: number; w: number; h: number }
  const taken: Rect[] = points.map((p) => ({ x: p.x - mark / 2, y: p.y - mark / 2, w: mark, h: mark }))
  const hits = (a: Rect, b: Rect) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
  const out: (Side | null)[] = labels.map(() => null)
  const order = labels.map((_, i) => i).sort((a, b) => labels[a]!.rank - labels[b]!.rank || a - b)
  for (const i of order) {
    const l = labels[i]!
    const off = mark / 2 + 2
    const sides: [Side, Rect][] = [
      ['right', { x: l.x + off, y: l.y - l.height / 2, w: l.width, h: l.height }],
      ['left', { x: l.x - off - l.width, y: l.y - l.height / 2, w: l.width, h: l.height }],
      ['below', { x: l.x - l.width / 2, y: l.y + off, w: l.width, h: l.height }],
      ['above', { x: l.x - l.width / 2, y: l.y - off - l.height, w: l.width, h: l.height }],
    ]
    for (const [side, r] of sides) {
      if (r.x < 0 || r.y < 0 || r.x + r.w > width || r.y + r.h > height || taken.some((t) => hits(t, r))) continue
      out[i] = side
      taken.push(r)
      break
    }
  }
  return out
}

/** Classes of rain in mm for the tint of areas: a value belongs to the last class
 * that it reaches; -1: less than the first. */
export const rainSteps: Record<'1' | '3' | '6' | '24', readonly number[]> = {
  '1': [1, 5, 10, 20, 40],
  '3': [1, 10, 20, 40, 80],
  '6': [1, 15, 30, 60, 100],
  '24': [1, 25, 50, 100, 200],
}

export function rainClass(mm: number, steps: readonly number[]): number {
  return steps.findLastIndex((s) => mm >= s)
}

/** A round length in km that a bar of at most px can show. */
export function scaleBar(perKm: number, px: number): { km: number; width: number } {
  const most = px / perKm
  const power = 10 ** Math.floor(Math.log10(most))
  const km = [5, 2, 1].map((n) => n * power).find((k) => k <= most) ?? power
  return { km, width: km * perKm }
}
