import type { Page } from '@/router'

export default {
  name: 'rehearsal',
  path: '/rehearsal',
  component: () => import('./RehearsalPage.vue'),
} satisfies Page
