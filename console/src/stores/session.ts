// Who sits at this screen.
import { computed, ref } from 'vue'
import { get, post, type ApiError } from '@/api/client'

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

let asking: Promise<Me | null> | null = null
/** Asks the server; whoever asks meanwhile gets the same answer. */
export function loadMe(): Promise<Me | null> {
  return (asking ??= ask().finally(() => (asking = null)))
}

async function ask(): Promise<Me | null> {
  try {
    me.value = (await get('/auth/me')) as Me
    meError.value = null
  } catch (e) {
    meError.value = e as ApiError
  }
  return me.value
}

export async function signIn(token: string) {
  me.value = (await post('/auth/login', { token })) as Me
}

export async function signOut() {
  await post('/auth/logout')
  me.value = null
}
