// What somebody prefers on this screen. It stays with the browser.
import { ref, watchEffect, type Ref } from 'vue'

function kept<T extends string>(key: string, allowed: readonly T[], first: T): Ref<T> {
  let v = first
  try {
    const s = localStorage.getItem(`freshet.${key}`)
    if (s !== null && (allowed as readonly string[]).includes(s)) v = s as T
  } catch {
    // storage is forbidden: the preference lasts as long as the page
  }
  const r = ref(v) as Ref<T>
  watchEffect(() => {
    try {
      localStorage.setItem(`freshet.${key}`, r.value)
    } catch {
      // as above
    }
  })
  return r
}

const known = 'freshet.signedIn'
/** Whether somebody was signed in when this browser was last here. It is a guess
 * that saves time and no right to anything. */
export function remembered(): boolean {
  try {
    return localStorage.getItem(known) !== null
  } catch {
    return false // storage is forbidden
  }
}
export function remember(yes: boolean) {
  try {
    if (yes) localStorage.setItem(known, '1')
    else localStorage.removeItem(known)
  } catch {
    // as above
  }
}

const renewed = 'freshet.signInAt'
/** Tells the other tabs of this browser that there is a new session. */
export function noteSignIn() {
  try {
    localStorage.setItem(renewed, String(Date.now()))
  } catch {
    // storage is forbidden: they ask each minute
  }
}
export function onSignInElsewhere(f: () => void) {
  window.addEventListener('storage', (e) => {
    if (e.key === renewed) f()
  })
}

function keptText(key: string): Ref<string> {
  const r = ref('')
  try {
    r.value = localStorage.getItem(`freshet.${key}`) ?? ''
  } catch {
    // as above
  }
  watchEffect(() => {
    try {
      localStorage.setItem(`freshet.${key}`, r.value)
    } catch {
      // as above
    }
  })
  return r
}

export type Lang = 'zh' | 'en'

export const lang = kept<Lang>('lang', ['zh', 'en'], 'zh')
export const theme = kept<'dark' | 'light'>('theme', ['dark', 'light'], 'dark')
/** Who has the watch, on a server that asks nobody who they are. */
export const officer = keptText('officer')
