export default { title: 'Map' }
