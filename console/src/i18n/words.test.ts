import { describe, expect, it } from 'vitest'
import type { Texts } from './index'
import { parts } from './words'

type Module = Record<string, unknown>
const files = import.meta.glob<Module>(['./zh.ts', './en.ts', '../pages/*/zh.ts', '../pages/*/en.ts', '../pages/season/words.ts'], { eager: true })

function flat(texts: Texts, at = ''): Record<string, string> {
  return Object.assign({}, ...Object.entries(texts).map(([k, v]) => (typeof v === 'string' ? { [`${at}${k}`]: v } : flat(v, `${at}${k}.`)))) as Record<string, string>
}
/** Each place that has words, with those of both languages. */
const places = Object.entries(files).flatMap(([path, m]) => {
  if (path.endsWith('/zh.ts')) return [{ path, zh: m.default as Texts, en: files[path.replace(/zh\.ts$/, 'en.ts')]?.default as Texts }]
  return Object.values(m).flatMap((v) => (v && typeof v === 'object' && 'zh' in v && 'en' in v ? [{ path, zh: v.zh as Texts, en: v.en as Texts }] : []))
})

describe('the words', () => {
  it('are found', () => expect(places.length).toBeGreaterThan(8))
  it.each(places)('are the same in both languages, with the same values: $path', ({ zh, en }) => {
    const [a, b] = [flat(zh), flat(en)]
    expect(Object.keys(b).sort()).toEqual(Object.keys(a).sort())
    for (const [key, text] of Object.entries(a)) {
      const names = (s: string) => [...new Set(parts(s).filter((_, i) => i % 2))].sort()
      expect([key, names(b[key]!)]).toEqual([key, names(text)])
    }
  })
  it('refuse what they do not know', () => {
    for (const wrong of ['{', 'a {b c}', "{'a'}", '@:link', 'one | two']) expect(() => parts(wrong)).toThrow()
    expect(parts('{a} of {b}')).toEqual(['', 'a', ' of ', 'b', ''])
  })
})
