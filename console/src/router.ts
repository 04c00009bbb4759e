// Each page is a folder of pages with a page.ts that says its place. A new page
// is a new folder; nothing else changes.
import type { Component } from 'vue'
import { createRouter, createWebHistory } from 'vue-router'
import { loadWords } from '@/i18n'
import type { Lang } from '@/stores/prefs'
import { loadMe, me } from '@/stores/session'

export interface Page {
  /** Also the key of its texts. */
  name: string
  /** In the menu, and as the text `<name>.title`. */
  title: Readonly<Record<Lang, string>>
  path: string
  /** Place in the menu, ascending; left out: not in the menu. */
  menu?: number
  /** A drawing of 24 × 24 for the menu: the d of an SVG path, drawn as a line. */
  icon?: string
  /** Open to somebody who is not signed in. */
  open?: boolean
  /** Further pages whose words it speaks. */
  words?: readonly string[]
  component: () => Promise<{ default: unknown }>
}

const found = import.meta.glob<{ default: Page }>('./pages/*/page.ts', { eager: true })
export const pages: readonly Page[] = Object.values(found).map((m) => m.default).sort((a, b) => (a.menu ?? 99) - (b.menu ?? 99))
export const menu = pages.filter((p) => p.menu !== undefined)

// A page comes with its words, or not at all.
const withWords = (p: Page) => async () => (await Promise.all([p.component(), loadWords([p.name, ...(p.words ?? [])])]))[0] as Component

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    ...pages.map((p) => ({ name: p.name, path: p.path, component: withWords(p), meta: { open: p.open ?? false } })),
    { path: '/:rest(.*)*', redirect: '/' },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
})

router.beforeEach(async (to) => {
  if (to.meta.open) return true
  if (me.value === null) await loadMe()
  // No answer at all is no refusal: the page opens and says that the server is away.
  if (me.value && !me.value.signed_in) return { name: 'login', query: { to: to.fullPath } }
  return true
})
