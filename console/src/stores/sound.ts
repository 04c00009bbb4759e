// The alarm's sound. Browsers play none before somebody clicked, so it is armed
// by hand at hand-over; until then the screen says in red that sound is off. Once
// armed it stays so: what cannot be heard for another reason is tried again each
// second, and the screen says in red that sound fails. An armed desk holds all its
// tones itself: the loss of the server is the one that the server cannot send.
import { computed, ref } from 'vue'
import { next, tones, type Last, type Tone } from '@/lib/bell'
import { urgency } from '@/lib/stage'
import { eachSecond } from './clock'

type River = Exclude<Tone, 'loss'>

export const armed = ref(false)
/** The browser forbids sound: somebody has to click. */
export const blocked = ref(false)
const unplayed = ref('')
const unloaded = ref('')
/** Why the last try was not heard, or a later one would not be; '' if all is well. */
export const failure = computed(() => unplayed.value || unloaded.value)
/** How often the alarm was played, for people who test it. */
export const played = ref(0)
/** The tone of the most urgent alarm that waits for an acknowledgement; null: nothing waits. */
export const waiting = ref<River | null>(null)
/** The desk has lost what it needs and nobody has said that they know. */
export const lacking = ref(false)
/** Nothing can be heard now. */
export const silent = computed(() => !armed.value || failure.value !== '')

/** The tone of a rank: lib/stage. */
export const toneOf = (rank: number): River => (rank >= urgency('orange') ? 'urgent' : 'notice')
/** After this long a sound that has not begun has failed, in ms. */
const patience = 4_000
let audio: HTMLAudioElement | null = null
const last: Last = { river: 0, desk: 0 }
let tried = 0
// The try under way: only the newest one's outcome counts, because each new try
// makes the browser reject the one before it.
let tries = 0
let begun: number | null = null
let unheard: Tone | null = null

/** The page's <audio> element, which App.vue owns. */
export function bindAudio(el: HTMLAudioElement | null) {
  audio = el
}

let lossHeard = () => {}
/** Calls f when the tone of a loss was heard. */
export function onLossHeard(f: () => void) {
  lossHeard = f
}

// The tones as data: URLs, which need no server.
const held: Partial<Record<Tone, string>> = {}
let loading = false
const missing = () => tones.filter((t) => !held[t])
const file = (t: Tone) => `/sounds/${t}.wav`

async function hold() {
  if (loading || !missing().length) return
  loading = true
  try {
    await Promise.all(missing().map(async (t) => {
      const r = await fetch(file(t))
      if (!r.ok) throw new Error(`${file(t)}: ${r.status}`)
      const data = await r.blob()
      held[t] = await new Promise<string>((done, fail) => {
        const reader = new FileReader()
        reader.onload = () => done(reader.result as string)
        reader.onerror = () => fail(reader.error ?? new Error(file(t)))
        reader.readAsDataURL(data)
      })
    }))
    unloaded.value = ''
  } catch (e) {
    unloaded.value = e instanceof Error ? e.message : String(e)
  } finally {
    loading = false
  }
}

async function play(tone: Tone) {
  if (!audio) return
  const mine = ++tries
  const src = held[tone] ?? file(tone)
  // After a failure the element holds a dead source: the same one is loaded anew.
  if (unplayed.value || audio.getAttribute('src') !== src) audio.src = src
  else audio.currentTime = 0
  audio.dataset.tone = tone
  tried = begun = last[tone === 'loss' ? 'desk' : 'river'] = Date.now()
  unheard = tone
  try {
    await audio.play()
    if (mine !== tries) return
    blocked.value = false
    unplayed.value = ''
    begun = unheard = null
    played.value++
    if (tone === 'loss') lossHeard()
  } catch (e) {
    if (mine !== tries) return
    begun = null
    if (e instanceof DOMException && e.name === 'NotAllowedError') {
      // The browser takes the right back, e.g. after a reload: say so, in red.
      disarm()
      blocked.value = true
      return
    }
    unplayed.value = e instanceof Error ? e.message : String(e)
  }
}

/** By a click of somebody who takes over: plays once, so that it is heard to work. */
export async function arm() {
  armed.value = true
  void hold()
  await play(waiting.value ?? 'notice')
}

export function disarm() {
  tries++
  armed.value = false
  blocked.value = false
  unplayed.value = unloaded.value = ''
  begun = unheard = null
  audio?.pause()
}

/** At once for something new, whatever the pause. */
export function ring(tone: River) {
  if (armed.value) void play(tone)
}

eachSecond(() => {
  if (!armed.value) return
  void hold()
  const now = Date.now()
  if (begun !== null && now - begun > patience) unplayed.value = 'timeout'
  const river = waiting.value
  if (unplayed.value || begun !== null) {
    // What was not heard is tried again.
    const tone = river ?? (lacking.value ? 'loss' : unheard)
    if (tone !== null && Math.abs(now - tried) >= (begun === null ? 1_000 : patience)) void play(tone)
    return
  }
  // Orange and red repeat until somebody acknowledges, others each minute; the loss between them.
  const tone = next(now, { river, desk: lacking.value }, last)
  if (tone) void play(tone)
})
