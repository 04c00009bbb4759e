import type { Page } from '@/router'

export default {
  name: 'rehearsal',
  title: { zh: '推演', en: 'Rehearsal' },
  path: '/rehearsal',
  words: ['plan', 'station'],
  component: () => import('./RehearsalPage.vue'),
} satisfies Page
