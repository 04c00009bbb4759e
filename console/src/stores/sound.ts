// The alarm's sound. Browsers play none before somebody clicked, so it is armed
// by hand at hand-over; until then the screen says in red that sound is off.
import { computed, ref } from 'vue'
import { urgency, type Stage } from '@/lib/stage'
import { eachSecond } from './clock'

export const armed = ref(false)
export const blocked = ref(false)
/** How often the alarm was played, for people who test it. */
export const played = ref(0)
/** The most urgent stage that waits for an acknowledgement; null: nothing waits. */
export const waiting = ref<Stage | null>(null)
export const ringing = computed(() => waiting.value !== null)

const urgent = (s: Stage) => urgency(s) >= urgency('orange')
let audio: HTMLAudioElement | null = null
let last = 0

/** The page's <audio> element, which App.vue owns. */
export function bindAudio(el: HTMLAudioElement | null) {
  audio = el
}

async function play(stage: Stage) {
  if (!audio) return
  const src = urgent(stage) ? '/sounds/urgent.wav' : '/sounds/notice.wav'
  if (!audio.src.endsWith(src)) audio.src = src
  audio.currentTime = 0
  last = Date.now()
  try {
    await audio.play()
    blocked.value = false
    played.value++
  } catch {
    // The browser takes the right back, e.g. after a reload: say so, in red.
    armed.value = false
    blocked.value = true
  }
}

/** By a click of somebody who takes over: plays once, so that it is heard to work. */
export async function arm() {
  armed.value = true
  await play(waiting.value ?? 'blue')
}

export function disarm() {
  armed.value = false
  blocked.value = false
  audio?.pause()
}

/** At once for something new, whatever the pause. */
export function ring(stage: Stage) {
  if (armed.value) void play(stage)
}

// Orange and red repeat each 8 s until somebody acknowledges, others each minute.
eachSecond(() => {
  const s = waiting.value
  if (!armed.value || s === null) return
  if (Date.now() - last >= (urgent(s) ? 8_000 : 60_000)) void play(s)
})
