// What a text may hold besides words: the value of {name}. The library's compiler
// knows more that no text here uses, and weighs more than all texts together.
import { registerMessageCompiler } from '@intlify/core-base'

type Context = { named(key: string): unknown; interpolate(value: unknown): string }

/** The parts of a text: words at even places, names of values at odd ones. */
export function parts(text: string): string[] {
  const all = text.split(/\{(\w+)\}/)
  const odd = all.find((p, i) => i % 2 === 0 && /[{}]|@[.:]|(^|\s)\|(\s|$)/.test(p))
  if (odd !== undefined) throw new Error(`i18n: only {name} is known: ${text}`)
  return all
}

export function useOwnCompiler() {
  registerMessageCompiler((text) => {
    const all = parts(String(text))
    return ((c: Context) => all.map((p, i) => (i % 2 ? c.interpolate(c.named(p)) : p)).join('')) as never
  })
}
