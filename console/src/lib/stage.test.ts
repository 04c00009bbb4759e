import { describe, expect, it } from 'vitest'
import { departmentOf, highest, isColour, stageOf, stages, stageToWire, urgency } from './stage'

describe('stages', () => {
  it('go there and back', () => {
    for (const s of stages) expect(stageOf(stageToWire(s))).toBe(s)
  })
  it('what nobody knows is never clear', () => {
    for (const s of ['', undefined, null, 'STAGE_UNSPECIFIED', 'STAGE_PURPLE']) expect(stageOf(s)).toBe('unknown')
    expect(urgency('unknown')).toBeGreaterThan(urgency('clear'))
  })
  it('blind stands above clear and below every colour', () => {
    for (const s of stages) if (isColour(s)) expect(urgency(s)).toBeGreaterThan(urgency('blind'))
    expect(urgency('blind')).toBeGreaterThan(urgency('clear'))
    expect(isColour('blind')).toBe(false)
  })
  it('the highest counts', () => {
    expect(highest(['clear', 'orange', 'blind', 'yellow'])).toBe('orange')
    expect(highest(['clear', 'blind'])).toBe('blind')
    expect(highest([])).toBe('clear')
  })
  it('departments too', () => {
    expect(departmentOf('DEPARTMENT_WATER_RESOURCES')).toBe('water_resources')
    expect(departmentOf('DEPARTMENT_UNSPECIFIED')).toBe('unknown')
  })
})
