import { describe, expect, it } from 'vitest'
import { next, pauses, toneLength, type Last, type Tone, type Wanted } from './bell'

/** Plays for so many seconds and returns what was heard when. */
function listen(seconds: number, wanted: Wanted): { at: number; tone: Tone }[] {
  const last: Last = { river: 0, desk: 0 }
  const heard: { at: number; tone: Tone }[] = []
  for (let at = 1_000_000; at <= 1_000_000 + seconds * 1000; at += 1000) {
    const tone = next(at, wanted, last)
    if (!tone) continue
    last[tone === 'loss' ? 'desk' : 'river'] = at
    heard.push({ at, tone })
  }
  return heard
}

describe('the bell', () => {
  it('is silent when nothing is wanted', () => {
    expect(listen(600, { river: null, desk: false })).toEqual([])
  })
  it.each(['urgent', 'notice', null] as const)('sounds the loss at least twice a minute, whatever the river does: %s', (river) => {
    const heard = listen(600, { river, desk: true }).filter((h) => h.tone === 'loss')
    expect(heard.length).toBeGreaterThanOrEqual(20)
    for (let i = 1; i < heard.length; i++) expect(heard[i]!.at - heard[i - 1]!.at).toBeLessThan(30_000)
  })
  it.each(['urgent', 'notice'] as const)('does not let the loss delay the river by more than a tone: %s', (river) => {
    const alone = listen(600, { river, desk: false })
    const both = listen(600, { river, desk: true }).filter((h) => h.tone === river)
    expect(both[0]).toEqual(alone[0])
    for (let i = 1; i < both.length; i++) expect(both[i]!.at - both[i - 1]!.at).toBeLessThanOrEqual(pauses[river] + toneLength)
  })
  it('lets no tone cut another one off', () => {
    const heard = listen(600, { river: 'urgent', desk: true })
    for (let i = 1; i < heard.length; i++) expect(heard[i]!.at - heard[i - 1]!.at).toBeGreaterThanOrEqual(toneLength)
  })
  it('does not wait for a clock that was set back', () => {
    expect(next(1000, { river: 'urgent', desk: false }, { river: 9_000_000, desk: 0 })).toBe('urgent')
    expect(next(1000, { river: null, desk: true }, { river: 0, desk: 9_000_000 })).toBe('loss')
  })
})
