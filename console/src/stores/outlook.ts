// How far the forecasts can be used: by the server's word, and by the clock.
import { computed, ref, watch } from 'vue'
import { api, must } from '@/api/client'
import { amiss, engineAbout, outlook, outlookKey, outlookLike, worst, type ForecastWatch, type Outlook } from '@/lib/standing'
import { engineMovedAt, engineNow, serverNow, wall } from './clock'
import { onFeed, onFeedReset } from './feed'
import { resource } from './resource'
import { stations } from './stations'

export const watches = resource(async () => {
  if (!stations.data.value) await stations.refresh()
  if (!stations.data.value && stations.error.value) throw stations.error.value
  const basins = [...new Set((stations.data.value?.stations ?? []).map((s) => s.basin))].sort()
  const all = await Promise.all(basins.map((basin) => must(api.GET('/v1/forecasts/watch', { params: { query: { basin } } }))))
  return all.flatMap<ForecastWatch>((r) => r.watch ?? [])
}, 15_000)

// A hidden tab asks for nothing: the feed tells it.
onFeed((answer) => {
  const w = answer.forecastWatch
  const held = watches.data.value
  if (!w || !held) return
  // Old items come again at first: the newer word stands.
  const before = held.find((x) => x.basin === w.basin)
  if (before && (w.at ?? '') < (before.at ?? '')) return
  watches.data.value = [...held.filter((x) => x.basin !== w.basin), w].sort((a, b) => (a.basin < b.basin ? -1 : 1))
})
onFeedReset(() => watches.reset())

/** Moves each second. */
export const about = computed(() => engineAbout(engineNow.value, serverNow() + 0 * wall.value, engineMovedAt.value))
// By the clock a forecast has expired only when the server was asked once more: on a
// replay that runs fast what is held is soon old. One that does not answer is not waited for.
const overdue = computed(() => (watches.data.value ?? []).some((w) => !w.standing.endsWith('_EXPIRED') && outlook(w, about.value).standing === 'EXPIRED'))
const overdueSince = ref<number | null>(null)
const asked = ref(false)
watch(overdue, async (yes) => {
  overdueSince.value = yes ? Date.now() : null
  asked.value = false
  if (!yes) return
  await watches.refresh()
  asked.value = true
})
const clock = computed(() => (overdueSince.value !== null && (asked.value || Math.abs(wall.value - overdueSince.value) > 20_000) ? about.value : null))
export const outlooks = computed<Outlook[]>(() => (watches.data.value ?? []).map((w) => outlook(w, clock.value)))
export const standing = computed(() => worst(outlooks.value))
/** Those that must be said, by what names them. */
export const wanting = computed(() => outlooks.value.filter(amiss).map((o) => ({ ...o, key: outlookKey(o), like: outlookLike(o) })))
/** What is missing at a station. */
export const holeOf = computed(() => new Map(outlooks.value.flatMap((o) => o.holes.flatMap((h) => (h.station ? [[h.station, h] as const] : [])))))
