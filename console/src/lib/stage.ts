// A stage is a warning's colour. Everywhere it has a letter and a shape too:
// colour is never alone.

export const stages = ['clear', 'blue', 'yellow', 'orange', 'red', 'blind'] as const
export type Stage = (typeof stages)[number] | 'unknown'

/** From the server's name, e.g. STAGE_RED. What nobody knows is never clear. */
export function stageOf(wire: string | null | undefined): Stage {
  const s = (wire ?? '').replace(/^STAGE_/, '').toLowerCase()
  return (stages as readonly string[]).includes(s) ? (s as Stage) : 'unknown'
}

export function stageToWire(s: Stage): string {
  return s === 'unknown' ? 'STAGE_UNSPECIFIED' : `STAGE_${s.toUpperCase()}`
}

// Blind ranks above clear and below the colours: a danger that is seen comes
// first, and what nobody sees before what is well.
const order: Record<Stage, number> = { clear: 0, unknown: 1, blind: 2, blue: 3, yellow: 4, orange: 5, red: 6 }

/** How much a stage asks for an officer's eye. */
export const urgency = (s: Stage) => order[s]

/** The same of a station: one that is blind while the river around it rises asks as
 * an orange one does, at least. */
export const rankOf = (s: Stage, escalated: boolean) => Math.max(order[s], escalated ? order.orange : 0)

/** Whether it is a colour: blue or more. */
export const isColour = (s: Stage) => order[s] >= order.blue

export const highest = (all: readonly Stage[]): Stage => all.reduce<Stage>((a, b) => (urgency(b) > urgency(a) ? b : a), 'clear')

export type Department = 'weather' | 'hydrology' | 'water_resources' | 'unknown'

export function departmentOf(wire: string | null | undefined): Department {
  const d = (wire ?? '').replace(/^DEPARTMENT_/, '').toLowerCase()
  return d === 'weather' || d === 'hydrology' || d === 'water_resources' ? d : 'unknown'
}
