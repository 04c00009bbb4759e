// The alarm's sound. Browsers play none before somebody clicked, so it is armed
// by hand at hand-over; until then the screen says in red that sound is off. Once
// armed it stays so: what cannot be heard for another reason is tried again each
// second, and the screen says in red that sound fails.
import { computed, ref } from 'vue'
import { urgency, type Stage } from '@/lib/stage'
import { eachSecond } from './clock'

export const armed = ref(false)
/** The browser forbids sound: somebody has to click. */
export const blocked = ref(false)
/** Why the last try was not heard, though it may sound; '' if it was. */
export const failure = ref('')
/** How often the alarm was played, for people who test it. */
export const played = ref(0)
/** The most urgent stage that waits for an acknowledgement; null: nothing waits. */
export const waiting = ref<Stage | null>(null)
export const ringing = computed(() => waiting.value !== null)
/** Nothing can be heard now. */
export const silent = computed(() => !armed.value || failure.value !== '')

const urgent = (s: Stage) => urgency(s) >= urgency('orange')
/** After this long a sound that has not begun has failed, in ms. */
const patience = 4_000
let audio: HTMLAudioElement | null = null
let last = 0
// The try under way: only the newest one's outcome counts, because each new try
// makes the browser reject the one before it.
let tries = 0
let begun: number | null = null
let unheard: Stage | null = null

/** The page's <audio> element, which App.vue owns. */
export function bindAudio(el: HTMLAudioElement | null) {
  audio = el
}

async function play(stage: Stage) {
  if (!audio) return
  const mine = ++tries
  const src = urgent(stage) ? '/sounds/urgent.wav' : '/sounds/notice.wav'
  // After a failure the element holds a dead source: the same one is loaded anew.
  if (failure.value || !audio.src.endsWith(src)) audio.src = src
  else audio.currentTime = 0
  last = begun = Date.now()
  unheard = stage
  try {
    await audio.play()
    if (mine !== tries) return
    blocked.value = false
    failure.value = ''
    begun = unheard = null
    played.value++
  } catch (e) {
    if (mine !== tries) return
    begun = null
    if (e instanceof DOMException && e.name === 'NotAllowedError') {
      // The browser takes the right back, e.g. after a reload: say so, in red.
      disarm()
      blocked.value = true
      return
    }
    failure.value = e instanceof Error ? e.message : String(e)
  }
}

/** By a click of somebody who takes over: plays once, so that it is heard to work. */
export async function arm() {
  armed.value = true
  await play(waiting.value ?? 'blue')
}

export function disarm() {
  tries++
  armed.value = false
  blocked.value = false
  failure.value = ''
  begun = unheard = null
  audio?.pause()
}

/** At once for something new, whatever the pause. */
export function ring(stage: Stage) {
  if (armed.value) void play(stage)
}

eachSecond(() => {
  if (!armed.value) return
  if (begun !== null && Date.now() - begun > patience) failure.value = 'timeout'
  const s = waiting.value ?? unheard
  if (s === null) return
  // What was not heard is tried again; orange and red repeat each 8 s until
  // somebody acknowledges, others each minute.
  const pause = failure.value ? (begun === null ? 1_000 : patience) : urgent(s) ? 8_000 : 60_000
  if (Date.now() - last >= pause) void play(s)
})
