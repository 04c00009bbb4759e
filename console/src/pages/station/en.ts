export default { title: 'Station' }
