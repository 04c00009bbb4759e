import type { Page } from '@/router'

export default {
  name: 'feed',
  title: { zh: '预警', en: 'Warnings' },
  path: '/',
  menu: 1,
  icon: 'M12 3a6 6 0 0 0-6 6v4l-2 4h16l-2-4V9a6 6 0 0 0-6-6ZM10 20a2 2 0 0 0 4 0',
  component: () => import('./FeedPage.vue'),
} satisfies Page
