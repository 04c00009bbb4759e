import type { Page } from '@/router'

export default {
  name: 'login',
  title: { zh: '登录', en: 'Sign in' },
  path: '/login',
  open: true,
  component: () => import('./LoginPage.vue'),
} satisfies Page
