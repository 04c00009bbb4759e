export default { title: 'Data' }
