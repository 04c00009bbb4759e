// The words of a page that is loaded later come with it, in both languages, and
// do not make the first page heavier.
import { useI18n } from 'vue-i18n'
import type { Texts } from './index'

type Say = (key: string, values?: Record<string, unknown>) => string
// The library's own types try to know every key.
const local = useI18n as (options: object) => { t: Say }

/** The words of one page, in the language shown. */
export function useOwn(words: { zh: Texts; en: Texts }): Say {
  return local({ useScope: 'local', inheritLocale: true, messages: words }).t
}
