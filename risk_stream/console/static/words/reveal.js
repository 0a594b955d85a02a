// The words of showing personal data.

import { words } from "../lib/i18n.js";

words({
  en: {
    "reveal.show": "Show personal data",
    "reveal.ask": "What you see is written down with your name and the time, and can be read in the audit.",
    "reveal.title": "Personal data",
    "reveal.when": "from the event of {when}",
    "reveal.sentence": "Sentence",
    "reveal.silence": "Silence such alerts",
  },
  zh: {
    "reveal.show": "显示个人信息",
    "reveal.ask": "查看行为将连同您的姓名与时间记入日志，可在审计中查到。",
    "reveal.title": "个人信息",
    "reveal.when": "来自 {when} 的事件",
    "reveal.sentence": "预警内容",
    "reveal.silence": "静默此类预警",
  },
});
