import vue from '@vitejs/plugin-vue'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

// Where `npm run dev` finds a Freshet server, e.g. `freshet demo --http 127.0.0.1:8080`.
const server = process.env.FRESHET_HTTP ?? 'http://127.0.0.1:8080'
const proxied = ['/v1', '/auth', '/cap', '/healthz', '/readyz', '/openapi.json', '/metrics', '/about']

// The feed comes with the first scripts, not after they have run: it is the page
// that a duty desk opens.
const feedFirst: Plugin = {
  name: 'feed-first',
  transformIndexHtml(_html, { bundle }) {
    const feed = Object.values(bundle ?? {}).find((c) => c.type === 'chunk' && c.facadeModuleId?.endsWith('/feed/FeedPage.vue'))
    if (feed?.type !== 'chunk') return
    return [feed.fileName, ...feed.imports].map((href) => ({ tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href: `/${href}` }, injectTo: 'head' as const }))
  },
}

// The texts have a compiler of their own (src/i18n/words.ts): the library's, which
// it takes along in every build, is left out.
const ownCompiler: Plugin = {
  name: 'own-compiler',
  apply: 'build',
  transform(code, id) {
    if (!id.endsWith('/vue-i18n.mjs')) return
    const out = code.replace('registerMessageCompiler(compile);', '')
    if (out === code) this.error('vue-i18n no longer registers its compiler as it did: look whether this plugin is still needed')
    return { code: out, map: null }
  },
}

export default defineConfig({
  plugins: [vue(), feedFirst, ownCompiler],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_PROD_DEVTOOLS__: false,
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    target: 'es2022',
    emptyOutDir: false, // dist keeps the placeholder that Go embeds on a machine without Node; scripts/clean.mjs empties the rest
    assetsInlineLimit: 0, // the content security policy allows no data: scripts or fonts
    modulePreload: { polyfill: false },
    manifest: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200, // the budget is scripts/budget.mjs
  },
  server: { proxy: Object.fromEntries(proxied.map((p) => [p, { target: server, changeOrigin: false }])) },
})
