import type { Page } from '@/router'

export default {
  name: 'login',
  path: '/login',
  open: true,
  component: () => import('./LoginPage.vue'),
} satisfies Page
