export default { title: 'Stations' }
