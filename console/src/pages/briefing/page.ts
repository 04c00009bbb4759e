import type { Page } from '@/router'

export default {
  name: 'briefing',
  title: { zh: '会商', en: 'Briefing' },
  path: '/briefing',
  menu: 6,
  icon: 'M4 5h16v11H4ZM8 20h8M12 16v4M8 9h8M8 12h5',
  words: ['plan'],
  component: () => import('./BriefingPage.vue'),
} satisfies Page
