import { createApp, watch } from 'vue'
import App from './App.vue'
import { onUnauthorised } from './api/client'
import { i18n, languageReady } from './i18n'
import { router } from './router'
import { startFeed, stopFeed } from './stores/feed'
import { remember, remembered, theme } from './stores/prefs'
import { alarms } from './stores/alarms'
import { loadMe, refused, signedIn } from './stores/session'
import { stages } from './stores/stages'
import { stations } from './stores/stations'
import './style/theme.css'
import './style/base.css'

watch(theme, (t) => (document.documentElement.dataset.theme = t), { immediate: true })

// Paper is white, whatever the screen is.
window.addEventListener('beforeprint', () => (document.documentElement.dataset.theme = 'light'))
window.addEventListener('afterprint', () => (document.documentElement.dataset.theme = theme.value))

onUnauthorised(refused)
watch(signedIn, (yes) => {
  remember(yes)
  if (yes) {
    startFeed()
    return
  }
  stopFeed()
  const here = router.currentRoute.value
  if (!here.meta.open) void router.push({ name: 'login', query: { to: here.fullPath, ended: '1' } })
})

// Asked before the page is built, for which it would have to wait.
void loadMe()

// The page's own script comes while the server is asked who this is.
const page: unknown = router.resolve(location.pathname).matched[0]?.components?.default
if (typeof page === 'function') void Promise.resolve(page()).catch(() => undefined) // the router says so, if it fails

// Who was signed in here before most likely still is: what the first page lists
// is asked for now, not after the server has said who this is.
if (location.pathname === '/' && remembered()) for (const r of [stages, alarms, stations]) void r.refresh()

const app = createApp(App)
app.use(i18n).use(router)
void languageReady.then(() => app.mount('#app'))
