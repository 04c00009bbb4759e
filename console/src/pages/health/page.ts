import type { Page } from '@/router'

export default {
  name: 'health',
  title: { zh: '数据', en: 'Data' },
  path: '/health',
  menu: 5,
  icon: 'M3 12h4l2-6 4 12 2.5-6H21',
  component: () => import('./HealthPage.vue'),
} satisfies Page
