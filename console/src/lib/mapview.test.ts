import { describe, expect, it } from 'vitest'
import { boxOf, kmPerDegree, placeLabels, rainClass, rainSteps, scaleBar, spread, viewOf, type Point } from './mapview'

// A plain generator, so that a failure can be repeated.
function random(seed: number) {
  return () => {
    seed = (seed * 1664525 + 1013904223) >>> 0
    return seed / 2 ** 32
  }
}

describe('view', () => {
  it('shows every place of the box, north above south, at one scale', () => {
    const r = random(7)
    for (let n = 0; n < 200; n++) {
      const places = Array.from({ length: 5 }, () => ({ longitude: 112 + r(), latitude: 22 + r() }))
      const w = 300 + 1000 * r()
      const h = 300 + 600 * r()
      const v = viewOf(boxOf(places)!, w, h, 20)
      for (const p of places) {
        const q = v.at(p)
        expect(q.x).toBeGreaterThan(19.9)
        expect(q.x).toBeLessThan(w - 19.9)
        expect(q.y).toBeGreaterThan(19.9)
        expect(q.y).toBeLessThan(h - 19.9)
      }
      const a = v.at({ longitude: 112, latitude: 22 })
      const b = v.at({ longitude: 112, latitude: 22.1 })
      expect(a.y - b.y).toBeCloseTo(0.1 * kmPerDegree * v.perKm, 6)
    }
  })
  it('has no box without places', () => expect(boxOf([])).toBeNull())
})

describe('spread', () => {
  it('leaves points that are apart and moves those that are not', () => {
    const far: Point[] = [{ x: 0, y: 0 }, { x: 100, y: 0 }]
    expect(spread(far, 20)).toEqual(far)
    for (let n = 2; n <= 5; n++) {
      const out = spread(Array.from({ length: n }, () => ({ x: 50, y: 50 })), 20)
      for (let i = 0; i < n; i++) for (let k = 0; k < i; k++) expect(Math.hypot(out[i]!.x - out[k]!.x, out[i]!.y - out[k]!.y)).toBeGreaterThan(19.9)
      expect(out.reduce((s, p) => s + p.x, 0) / n).toBeCloseTo(50, 6)
    }
  })
})

describe('labels', () => {
  it('never cover each other, a mark or the edge', () => {
    const r = random(3)
    for (let n = 0; n < 100; n++) {
      const labels = Array.from({ length: 30 }, () => ({ x: 400 * r(), y: 400 * r(), width: 30 + 30 * r(), height: 14, rank: Math.floor(3 * r()) }))
      const mark = 16
      const sides = placeLabels(labels, labels, mark, 400, 400)
      const rects = labels.flatMap((l, i) => {
        const s = sides[i]
        if (!s) return []
        const off = mark / 2 + 2
        return [{
          x: s === 'right' ? l.x + off : s === 'left' ? l.x - off - l.width : l.x - l.width / 2,
          y: s === 'below' ? l.y + off : s === 'above' ? l.y - off - l.height : l.y - l.height / 2,
          w: l.width,
          h: l.height,
        }]
      })
      expect(rects.length).toBeGreaterThan(0)
      rects.forEach((a, i) => {
        expect(a.x >= 0 && a.y >= 0 && a.x + a.w <= 400 && a.y + a.h <= 400).toBe(true)
        for (const b of rects.slice(0, i)) expect(a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h).toBe(false)
      })
    }
  })
})

describe('rain', () => {
  it('belongs to the last class it reaches', () => {
    expect(rainClass(0.9, rainSteps['1'])).toBe(-1)
    expect(rainClass(1, rainSteps['1'])).toBe(0)
    expect(rainClass(39.9, rainSteps['1'])).toBe(3)
    expect(rainClass(1000, rainSteps['1'])).toBe(4)
  })
})

describe('scale bar', () => {
  it('is round and fits', () => {
    const r = random(1)
    for (let n = 0; n < 200; n++) {
      const perKm = 0.01 + 50 * r()
      const b = scaleBar(perKm, 100)
      expect(b.width).toBeLessThanOrEqual(100.000001)
      expect(b.width).toBeGreaterThan(39)
      expect(b.width).toBeCloseTo(b.km * perKm, 6)
    }
  })
})
