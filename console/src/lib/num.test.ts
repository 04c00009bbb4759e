import { describe, expect, it } from 'vitest'
import { fixed, flow, num, rain, signed } from './num'

describe('numbers as people read them', () => {
  it('has no value where the server has none', () => {
    for (const v of [null, undefined, '', 'NaN', 'Infinity', NaN] as const) {
      expect(num(v)).toBeNull()
      expect(fixed(v, 2)).toBe('–')
      expect(flow(v)).toBe('–')
      expect(rain(v)).toBe('–')
    }
    expect(num(0)).toBe(0) // no value is not zero
  })
  it('writes the minus as a minus and no minus zero', () => {
    expect(fixed(-1.234, 2)).toBe('−1.23')
    expect(fixed(-0.001, 2)).toBe('0.00')
    expect(signed(0.42, 2)).toBe('+0.42')
    expect(signed(-0.1, 2)).toBe('−0.10')
    expect(signed(0.001, 2)).toBe('0.00')
  })
  it('gives flows three figures', () => {
    expect(['12.844', '349.4', '3124', '1.234'].map((v) => flow(Number(v)))).toEqual(['12.8', '349', '3120', '1.23'])
  })
  it('gives rain a decimal, and dry as 0', () => {
    expect([0, 0.5, 12].map(rain)).toEqual(['0', '0.5', '12.0'])
  })
})
