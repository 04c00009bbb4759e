import { describe, expect, it } from 'vitest'
import { hourOf, instant, rfc, typed } from './instant'

describe('an instant', () => {
  it('is typed and read in Beijing time', () => {
    const at = Date.parse('2026-06-09T22:30:00Z')
    expect(typed(at)).toBe('2026-06-10T06:30')
    expect(instant(typed(at))).toBe(at)
    expect(rfc(at)).toBe('2026-06-09T22:30:00Z')
  })
  it('that is none is null', () => expect([instant(''), instant('2026-06'), instant('2026-99-10T06:30')]).toEqual([null, null, null]))
  it('of an hour is the latest that has been', () => {
    const at = Date.parse('2026-06-10T06:30:00+08:00')
    expect(typed(hourOf(at, 8))).toBe('2026-06-09T08:00')
    expect(typed(hourOf(at, 6))).toBe('2026-06-10T06:00')
    expect(typed(hourOf(at, 20, 1))).toBe('2026-06-09T20:00')
  })
})
