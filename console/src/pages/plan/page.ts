import type { Page } from '@/router'

export default {
  name: 'plan',
  title: { zh: '预案', en: 'Plan' },
  path: '/plan',
  menu: 4,
  icon: 'M6 3h12v18H6ZM9 8h6M9 12h6M9 16h4',
  component: () => import('./PlanPage.vue'),
} satisfies Page
