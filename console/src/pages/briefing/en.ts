export default { title: 'Briefing' }
