import type { Page } from '@/router'

export default {
  name: 'station',
  path: '/stations/:id',
  component: () => import('./StationPage.vue'),
} satisfies Page
