// The words of the page that signs people in.

import { words } from "../lib/i18n.js";

words({
  en: {
    "signin.title": "Sign in",
    "signin.token": "Token",
    "signin.hint": "Whoever keeps people/access.yaml makes one: risk-stream access token NAME",
    "signin.go": "Sign in",
    "signin.provider": "Sign in at the house's provider",
    "signin.or": "or with a token",
  },
  zh: {
    "signin.title": "登录",
    "signin.token": "令牌",
    "signin.hint": "由维护 people/access.yaml 的人签发：risk-stream access token NAME",
    "signin.go": "登录",
    "signin.provider": "通过本机构的身份服务登录",
    "signin.or": "或使用令牌",
  },
});
