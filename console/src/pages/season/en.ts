export default { title: 'Season' }
