// Who sits at this screen.
import { computed, ref, watch } from 'vue'
import { get, post, type ApiError } from '@/api/client'
import { ms } from '@/lib/time'
import { noteSignIn, onSignInElsewhere } from './prefs'

export interface Me {
  auth: boolean
  signed_in: boolean
  name: string
  role: string
  department: string
  session: boolean
  expires_at: string | null
  language: string
  openid: string
}

export const me = ref<Me | null>(null)
/** Without an answer nobody is signed in and nobody is refused: the server is away. */
export const meError = ref<ApiError | null>(null)

export const signedIn = computed(() => me.value?.signed_in ?? false)
/** Officers and admins have duty; a briefing's screen only reads. */
export const onDuty = computed(() => signedIn.value && (me.value?.role === 'officer' || me.value?.role === 'admin'))

/** When the session ends, whatever happens, by the server's clock; null: by no session. */
export const sessionEnds = computed(() => (signedIn.value ? ms(me.value?.expires_at) : null))
/** Since when nobody is signed in here who has not signed out. */
export const endedAt = ref<number | null>(null)
let leaving = false
watch(signedIn, (yes) => (endedAt.value = yes || leaving ? null : Date.now()), { flush: 'sync' })

/** Sign-ins under way: the old session ends before the new one is here, and what is
 * asked in between is refused. */
export const signing = ref(0)

/** The server no longer knows who asks. */
export function refused() {
  if (me.value && !signing.value) me.value = { ...me.value, signed_in: false }
}

let asking: Promise<Me | null> | null = null
/** Asks the server; whoever asks meanwhile gets the same answer. */
export function loadMe(): Promise<Me | null> {
  return (asking ??= ask().finally(() => (asking = null)))
}

async function ask(): Promise<Me | null> {
  try {
    const told = (await get('/auth/me')) as Me
    if (!told.signed_in && signedIn.value && signing.value) return me.value
    me.value = told
    meError.value = null
  } catch (e) {
    meError.value = e as ApiError
  }
  return me.value
}

/** Begins a session. Where one runs already this renews it: the server puts the new
 * one in its place, and the page stays. */
export async function signIn(token: string) {
  signing.value++
  try {
    me.value = (await post('/auth/login', { token })) as Me
    noteSignIn()
  } finally {
    setTimeout(() => signing.value--, 1000) // what was asked before is answered by then
  }
}
// Another tab of this browser has a new session: it is ours too.
onSignInElsewhere(() => void loadMe())

export async function signOut() {
  await post('/auth/logout')
  leaving = true
  me.value = null
  leaving = false
}
