import type { Page } from '@/router'

export default {
  name: 'station',
  title: { zh: '测站', en: 'Station' },
  path: '/stations/:id',
  words: ['health'],
  component: () => import('./StationPage.vue'),
} satisfies Page
