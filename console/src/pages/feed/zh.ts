export default { title: '预警' }
