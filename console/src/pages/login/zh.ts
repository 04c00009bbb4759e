export default {
  token: '令牌',
  hint: '由管理员用 freshet token create 发放，以 freshet_ 开头。只在登录时用一次，不会留在本机。',
  show: '显示令牌',
  bad: '令牌无效、已过期或已吊销。请核对后重输，或向管理员索取新令牌。',
  refused: '此令牌不能登录值班台：{why}',
  failed: '登录未成功：{why}',
  openid: '用单位账号登录',
  or: '或',
  before: '登录之前，这里收不到预警。',
  ended: '会话已结束，请重新登录。登录之前收不到预警。',
}
