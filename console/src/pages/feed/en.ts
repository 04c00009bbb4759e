export default { title: 'Warnings' }
