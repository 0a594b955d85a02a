// The words of why a rule fired.

import { words } from "../lib/i18n.js";

words({
  en: {
    "why.title": "Why",
    "why.and": "all of",
    "why.or": "any of",
    "why.holds.true": "holds",
    "why.holds.false": "does not hold",
    "why.holds.null": "not known",
    "why.not_told": "the alert does not carry its values",
    "why.missing": "the event has none",
    "why.no_rule": "The plan that judged it is not kept any more: the values below are all that is known.",
    "why.bar": "{left}, limit {right}",
    "why.yes": "yes",
    "why.no": "no",
  },
  zh: {
    "why.title": "原因",
    "why.and": "同时满足",
    "why.or": "满足其一",
    "why.holds.true": "成立",
    "why.holds.false": "不成立",
    "why.holds.null": "未知",
    "why.not_told": "预警未携带其数值",
    "why.missing": "事件中没有",
    "why.no_rule": "当时的规则计划已不再保存，所知仅为下列数值。",
    "why.bar": "{left}，阈值 {right}",
    "why.yes": "是",
    "why.no": "否",
  },
});
