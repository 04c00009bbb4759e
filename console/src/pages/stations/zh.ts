export default { title: '测站' }
