export default { title: '一张图' }
