import { describe, expect, it } from 'vitest'
import { clock, dayTime, full, hydroDay, ms, span } from './time'

const unit = { s: 's', min: 'min', h: 'h', d: 'd' }

describe('time as people read it', () => {
  it('is Beijing time, whatever the browser thinks', () => {
    const at = ms('2026-06-09T17:05:00Z')
    expect(dayTime(at)).toBe('06-10 01:05')
    expect(clock(at)).toBe('01:05')
    expect(full(ms('2026-12-31T16:00:00Z'))).toBe('2027-01-01 00:00')
    expect(dayTime(null)).toBe('–')
    expect(ms('')).toBeNull()
    expect(ms('yesterday')).toBeNull()
  })
  it('begins the hydrological day at 08:00', () => {
    expect(full(hydroDay(ms('2026-06-10T00:00:00Z')!))).toBe('2026-06-10 08:00')
    expect(full(hydroDay(ms('2026-06-09T23:59:59Z')!))).toBe('2026-06-09 08:00')
  })
  it('gives spans as short as they are clear', () => {
    const s = (x: number) => span(x * 1000, unit)
    expect([0, 45, 90, 3600, 12_000, 48 * 3600, 52 * 3600].map(s)).toEqual(['0 s', '45 s', '2 min', '1 h', '3 h 20 min', '2 d', '2 d 4 h'])
    expect(s(-5)).toBe('0 s') // clocks differ
  })
})
