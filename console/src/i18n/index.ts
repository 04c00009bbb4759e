// Chinese first, English by a switch. What all pages share is in this folder, and
// comes with the first page; a page's own words lie beside it, in pages/<name>/zh.ts
// and en.ts, under the key <name>, and come with the page.
import { watch } from 'vue'
import { createI18n } from 'vue-i18n'
import type { Page } from '@/router'
import { lang, type Lang } from '@/stores/prefs'
import feed from '@/pages/feed/zh' // the page that a desk opens
import { useOwnCompiler } from './words'
import zh from './zh'

export type Texts = { [key: string]: string | Texts }
type Load = () => Promise<{ default: Texts }>

const wordsOf: Record<Lang, Record<string, Load>> = { zh: byPage(import.meta.glob<{ default: Texts }>(['../pages/*/zh.ts', '!../pages/feed/zh.ts'])), en: byPage(import.meta.glob<{ default: Texts }>('../pages/*/en.ts')) }
const pages = Object.values(import.meta.glob<{ default: Page }>('../pages/*/page.ts', { eager: true })).map((m) => m.default)
const titles = (l: Lang): Texts => Object.fromEntries(pages.map((p) => [p.name, { title: p.title[l] }]))

function byPage(all: Record<string, Load>) {
  return Object.fromEntries(Object.entries(all).map(([path, load]) => [path.split('/').at(-2) ?? path, load]))
}

useOwnCompiler()
export const i18n = createI18n({
  legacy: false,
  locale: 'zh' as string,
  fallbackLocale: 'zh',
  messages: { zh: { ...zh, ...titles('zh'), feed: { ...titles('zh').feed as Texts, ...feed } } } as unknown as Record<string, Texts>,
})

const wanted = new Set(['feed'])
const held: Record<Lang, Set<string>> = { zh: new Set(['', 'feed']), en: new Set() }

/** Loads all words of l that are wanted and not there yet. */
async function hold(l: Lang) {
  const missing = ['', ...wanted].filter((page) => !held[l].has(page))
  const loaded = await Promise.all(missing.map(async (page) => {
    if (page !== '') return { [page]: ((await wordsOf[l][page]?.()) ?? { default: {} }).default }
    return { ...((await import('./en')).default as unknown as Texts), ...titles('en') }
  }))
  for (const texts of loaded) i18n.global.mergeLocaleMessage(l, texts)
  for (const page of missing) held[l].add(page)
}

/** The words of pages, in the language shown. */
export function loadWords(pages: readonly string[]): Promise<void> {
  for (const page of pages) wanted.add(page)
  return hold(lang.value)
}

async function show(l: Lang) {
  const { global } = i18n
  await hold(l)
  if (lang.value !== l) return // it was switched back meanwhile
  global.locale.value = l
  document.documentElement.lang = l === 'zh' ? 'zh-CN' : 'en'
  document.title = global.t('app.title')
}

export const languageReady = show(lang.value)
watch(lang, show)
