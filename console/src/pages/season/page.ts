import type { Page } from '@/router'

export default {
  name: 'season',
  title: { zh: '汛期', en: 'Season' },
  path: '/season',
  menu: 7,
  icon: 'M3 20h18M3 20V5M5 18c4-1 5-8 8-9s4-2 7-4M8 3v3M12 2v3M16 3v3',
  component: () => import('./SeasonPage.vue'),
} satisfies Page
