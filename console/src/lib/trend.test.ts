import { describe, expect, it } from 'vitest'
import { ratePerHour, trendOf } from './trend'

const min = 60_000

describe('水势', () => {
  it('is steady within what a gauge cannot tell', () => {
    expect([0.03, 0.02, 0, -0.02, -0.03].map(trendOf)).toEqual(['rising', 'steady', 'steady', 'steady', 'falling'])
    expect(trendOf(null)).toBeNull() // not known is not steady
  })
  it('is a rate per hour, of the last hour', () => {
    expect(ratePerHour([{ at: 0, value: 9 }, { at: 60 * min, value: 1 }, { at: 90 * min, value: 1.5 }, { at: 120 * min, value: 2 }])).toBeCloseTo(1)
    expect(ratePerHour([{ at: 0, value: 1 }, { at: 30 * min, value: 1.1 }])).toBeCloseTo(0.2)
  })
  it('is not known of too little', () => {
    expect(ratePerHour([])).toBeNull()
    expect(ratePerHour([{ at: 0, value: 1 }])).toBeNull()
    expect(ratePerHour([{ at: 0, value: 1 }, { at: 10 * min, value: 2 }])).toBeNull()
  })
})
