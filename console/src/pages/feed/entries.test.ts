import { describe, expect, it } from 'vitest'
import type { StationStage } from '@/api/client'
import type { Alarm, AlarmState } from '@/stores/alarms'
import type { Group, GroupStation } from '@/stores/groups'
import type { Stage } from '@/lib/stage'
import { cardsOf } from './entries'

const standing = (station: string, stage: string, since = '2026-06-10T00:00:00Z') => ({ station, stage: `STAGE_${stage}`, since }) as StationStage
const alarm = (station: string, state: AlarmState, stage: Stage = 'blue'): Alarm => ({ station, basin: 'b', state, stage, was: 'clear', since: 0, warning: '', latest: '', by: '', reason: '', until: null })
const place = (station: string, joined = true) => ({ station, joinedAt: joined ? '2026-06-10T00:00:00Z' : null, arrivals: joined ? [] : [{ stage: 'STAGE_BLUE', at: '2026-06-10T06:00:00Z', observed: false }], rain: false }) as unknown as GroupStation
const group = (id: string, kind: string, stations: GroupStation[], more: Partial<Group> = {}) => ({ id, kind: `GROUP_KIND_${kind}`, stage: 'STAGE_BLUE', closedAt: null, at: '2026-06-10T00:00:00Z', stations, standing: stations.length, ...more }) as unknown as Group

const shape = (cards: ReturnType<typeof cardsOf>) => cards.map((c) => `${c.key}: ${c.items.map((i) => i.station).join(' ')}`)

describe('the cards', () => {
  it('show each station once that is not clear or whose alarm is not normal, and no other', () => {
    const cards = cardsOf(
      [standing('a', 'RED'), standing('b', 'BLUE'), standing('c', 'CLEAR'), standing('d', 'CLEAR'), standing('e', 'BLIND')],
      [alarm('a', 'unacknowledged'), alarm('d', 'returned')],
      [group('w', 'WAVE', [place('a'), place('b'), place('x', false)]), group('blind', 'BLIND', [place('e'), place('a')])],
    )
    expect(shape(cards)).toEqual(['w: a b', 'd: d', 'blind: e'])
    expect(cards[0]!.stage).toBe('red')
    expect(cards[0]!.coming.map((s) => s.station)).toEqual(['x'])
  })
  it('what waits comes before what is worse and seen', () => {
    const cards = cardsOf([standing('a', 'RED'), standing('b', 'BLUE')], [alarm('a', 'acknowledged'), alarm('b', 'unacknowledged')], [])
    expect(shape(cards)).toEqual(['b: b', 'a: a'])
  })
  it('what is blind while the river rises comes as orange does, and before what is only blind', () => {
    const blind = (station: string, escalated: boolean) => ({ ...standing(station, 'BLIND'), escalated }) as StationStage
    const cards = cardsOf(
      [blind('a', false), blind('b', true), standing('c', 'YELLOW'), standing('d', 'RED')],
      ['a', 'b', 'c', 'd'].map((s) => alarm(s, 'unacknowledged')),
      [group('g', 'BLIND', [place('b')])],
    )
    expect(shape(cards)).toEqual(['d: d', 'g: b', 'c: c', 'a: a'])
    expect(cards.map((c) => c.escalated)).toEqual([0, 1, 0, 0])
  })
  it('a shelved alarm stays on the list', () => {
    const cards = cardsOf([standing('a', 'ORANGE')], [alarm('a', 'shelved')], [])
    expect(cards.map((c) => [c.stage, c.waiting])).toEqual([['orange', 0]])
  })
  it('a station of a closed group stands by itself', () => {
    expect(shape(cardsOf([standing('a', 'BLUE')], [], [group('w', 'WAVE', [place('a')], { closedAt: '2026-06-10T01:00:00Z' })]))).toEqual(['a: a'])
  })
  it('a wave of which all have gone back is no card', () => {
    expect(cardsOf([standing('a', 'CLEAR')], [], [group('w', 'WAVE', [place('a')], { standing: 0 })])).toEqual([])
  })
})
