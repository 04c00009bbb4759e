export default {
  token: 'Token',
  hint: 'Your administrator makes it with freshet token create; it begins with freshet_. It is used once, here, and is not kept on this computer.',
  show: 'Show the token',
  bad: 'The token is wrong, expired or revoked. Check it and try again, or ask your administrator for a new one.',
  refused: 'This token cannot sign in to the duty desk: {why}',
  failed: 'Could not sign in: {why}',
  openid: "Sign in with your organisation's account",
  or: 'or',
  before: 'Until you sign in, no warnings arrive here.',
  ended: 'The session has ended. Sign in again: until then no warnings arrive here.',
}
