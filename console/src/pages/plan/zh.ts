export default { title: '预案' }
