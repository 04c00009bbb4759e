import { describe, expect, it } from 'vitest'
import { briefingBefore, briefings, instant, rfc, typed } from './instant'

describe('an instant', () => {
  it('is typed and read in Beijing time', () => {
    const at = Date.parse('2026-06-09T22:30:00Z')
    expect(typed(at)).toBe('2026-06-10T06:30')
    expect(instant(typed(at))).toBe(at)
    expect(rfc(at)).toBe('2026-06-09T22:30:00Z')
  })
  it('that is none is null', () => expect([instant(''), instant('2026-06'), instant('2026-99-10T06:30')]).toEqual([null, null, null]))
})

describe('briefing hours', () => {
  const of = (text: string) => Date.parse(`${text}:00+08:00`)
  it('are 08:00 and 20:00 in Beijing, the newest first, an hour that strikes among them', () => {
    expect(briefings(of('2026-06-10T06:30'), 3).map(typed)).toEqual(['2026-06-09T20:00', '2026-06-09T08:00', '2026-06-08T20:00'])
    expect(briefings(of('2026-06-10T08:00'), 1).map(typed)).toEqual(['2026-06-10T08:00'])
  })
  it('before an instant are earlier than it', () =>
    expect(['2026-06-10T08:00', '2026-06-10T08:01', '2026-06-10T07:59'].map((x) => typed(briefingBefore(of(x))))).toEqual(['2026-06-09T20:00', '2026-06-10T08:00', '2026-06-09T20:00']))
})
