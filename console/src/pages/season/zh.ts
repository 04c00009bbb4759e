// 其余文字随页面载入：words.ts。
export default { title: '汛期' }
