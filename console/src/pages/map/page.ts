import type { Page } from '@/router'

export default {
  name: 'map',
  title: { zh: '一张图', en: 'Map' },
  path: '/map',
  menu: 3,
  icon: 'M9 4 3 6v14l6-2 6 2 6-2V4l-6 2-6-2ZM9 4v14M15 6v14',
  component: () => import('./MapPage.vue'),
} satisfies Page
