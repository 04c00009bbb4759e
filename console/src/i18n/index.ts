// Chinese first, English by a switch. Texts of a page lie beside it, in
// pages/<name>/zh.ts and en.ts, under the key <name>; what all pages share is
// in this folder. English is loaded when somebody asks for it.
import { watch } from 'vue'
import { createI18n } from 'vue-i18n'
import { lang, type Lang } from '@/stores/prefs'
import zh from './zh'

export type Texts = { [key: string]: string | Texts }
type Loaded = { default: Texts }

const pagesZh = import.meta.glob<Loaded>('../pages/*/zh.ts', { eager: true })
const pagesEn = import.meta.glob<Loaded>('../pages/*/en.ts')

const pageOf = (path: string) => path.split('/').at(-2) ?? path

function gather(shared: Texts, pages: Record<string, Loaded>): Texts {
  return { ...shared, ...Object.fromEntries(Object.entries(pages).map(([path, m]) => [pageOf(path), m.default])) }
}

export const i18n = createI18n({
  legacy: false,
  locale: 'zh' as string,
  fallbackLocale: 'zh',
  messages: { zh: gather(zh as unknown as Texts, pagesZh) } as Record<string, Texts>,
})

async function show(l: Lang) {
  const { global } = i18n
  if (l === 'en' && !global.availableLocales.includes('en')) {
    const [shared, ...pages] = await Promise.all([
      import('./en'),
      ...Object.entries(pagesEn).map(async ([path, load]) => [path, await load()] as const),
    ])
    global.setLocaleMessage('en', gather(shared.default as unknown as Texts, Object.fromEntries(pages)))
  }
  if (lang.value !== l) return // it was switched back meanwhile
  global.locale.value = l
  document.documentElement.lang = l === 'zh' ? 'zh-CN' : 'en'
  document.title = global.t('app.title')
}

export const languageReady = show(lang.value)
watch(lang, show)
