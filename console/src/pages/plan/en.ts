export default { title: 'Plan' }
