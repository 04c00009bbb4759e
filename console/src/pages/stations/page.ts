import type { Page } from '@/router'

export default {
  name: 'stations',
  title: { zh: '测站', en: 'Stations' },
  path: '/stations',
  menu: 2,
  icon: 'M4 5h16M4 10h16M4 15h16M4 20h16M9 5v15',
  component: () => import('./StationsPage.vue'),
} satisfies Page
