"""What a notice says, in English and Chinese. Given are masked sentences alone; it adds no personal data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from risk_stream.alerts import SEVERITIES, Silence
from risk_stream.notices.planner import Planned
from risk_stream.notices.receivers import Receiver, at_local

__all__ = ["LANGUAGES", "MOST_LINES", "compose"]

LANGUAGES = ("en", "zh")

#: Cases that a digest names; the others are counted.
MOST_LINES = 20

_EN = {
    **{f"severity.{name}": name.upper() for name in SEVERITIES},
    "new": "{severity} {rule}",
    "several": "{cases} new cases, the worst {severity}",
    "several.ended": "{ended} cases were taken back",
    "storm": "{severity} {rule}: {cases} cases at once",
    "more": "{severity} {rule}: now {alerts} alerts",
    "worse": "{severity} now: {rule}",
    "again": "{severity} {rule}: nobody has acknowledged it",
    "withdrawn": "taken back: {rule}",
    "over": "over: {rule}, {alerts} alerts",
    "test": "risk-stream can reach you",
    "test.text": "A test, sent by hand: nothing has happened.",
    "count": "{alerts} alerts in {cases} cases, {open} open, {waiting} acknowledged by nobody",
    "count.one": "one alert, acknowledged by nobody",
    "since": "The first that waits came at {since}.",
    "level": "Escalated to level {level}.",
    "silenced": "{silenced} are silenced by {by} until {until}: {reason}",
    "back": "What was said of it no longer holds: a late event changed it. {open} others are open.",
    "back.all": "What was said of it no longer holds: a late event changed it. Nothing is left to do.",
    "over.open": "None came for an hour; {open} are open.",
    "over.closed": "All of them are closed.",
    "rest": "and {rest} more",
    "hidden": "the sentence is in the console",
    "id": "notice {id}",
}
_ZH = {
    **dict(zip((f"severity.{name}" for name in SEVERITIES), ("提示", "低", "中", "高", "严重"), strict=True)),
    "new": "【{severity}】{rule}",
    "several": "{cases} 个新案件，最高级别：{severity}",
    "several.ended": "{ended} 个案件已撤回",
    "storm": "【{severity}】{rule}：同时出现 {cases} 个案件",
    "more": "【{severity}】{rule}：已有 {alerts} 条预警",
    "worse": "级别升为【{severity}】：{rule}",
    "again": "【{severity}】{rule}：仍无人确认",
    "withdrawn": "已撤回：{rule}",
    "over": "已平息：{rule}，共 {alerts} 条预警",
    "test": "risk-stream 可以通知到您",
    "test.text": "这是人工发出的测试，没有发生任何事情。",
    "count": "{cases} 个案件共 {alerts} 条预警，未关闭 {open} 条，无人确认 {waiting} 条",
    "count.one": "1 条预警，无人确认",
    "since": "最早一条未确认的预警于 {since} 出现。",
    "level": "已升级到第 {level} 级。",
    "silenced": "其中 {silenced} 条被 {by} 静默至 {until}：{reason}",
    "back": "此前的通知不再成立：迟到的事件改变了判断。另有 {open} 条未关闭。",
    "back.all": "此前的通知不再成立：迟到的事件改变了判断。无需处理。",
    "over.open": "一小时内没有新预警；未关闭 {open} 条。",
    "over.closed": "已全部关闭。",
    "rest": "另有 {rest} 个",
    "hidden": "详情见控制台",
    "id": "通知编号 {id}",
}
_WORDS: Mapping[str, Mapping[str, str]] = {"en": _EN, "zh": _ZH}


def compose(
    planned: Planned,
    summary: Callable[[str], str | None],
    link: str,
    shown: Callable[[str, str], str],
) -> tuple[str, str]:
    """Title and text.

    `summary` gives an alert's sentence by its id, None where it is not known; `link` is the console's address, "" for
    none; `shown` what of a kind of key and a key may be said.
    """
    notice, sight, receiver = planned.notice, planned.sight, planned.receiver
    words = _WORDS[receiver.language]

    say = partial(_say, words)
    facts: dict[str, object] = {
        "severity": words.get(f"severity.{notice.severity}", notice.severity),
        "rule": notice.rule,
        "cases": sight.cases,
        "alerts": notice.alerts,
        "open": notice.open,
        "waiting": sight.waiting,
        "ended": len(notice.ended),
        "id": notice.id,
    }
    only_ended = notice.step == "several" and not notice.cases
    title = say("several.ended" if only_ended else notice.step, **facts)
    if notice.step == "test":
        return title, f"{words['test.text']}\n\n{say('id', **facts)}"
    lines: list[str] = []
    life = planned.life or sight.head
    if planned.parts:
        lines += _parts(planned, words, summary)
    elif life is not None:
        lines.append(summary(life.alert) or f"{life.rule}: {words['hidden']}")
        lines.append(" · ".join([life.entity, life.stage, *(shown(kind, key) for kind, key in life.keys.items())]))
    lines.append("")
    lines += _stands(planned, words, facts)
    lines += _links(planned, link)
    lines += ["", say("id", **facts)]
    return title, "\n".join(lines)


def _say(words: Mapping[str, str], name: str, **values: object) -> str:
    return words[name].format(**{key: _number(value) for key, value in values.items()})


def _stands(planned: Planned, words: Mapping[str, str], facts: Mapping[str, object]) -> list[str]:
    notice, sight, receiver = planned.notice, planned.sight, planned.receiver
    say = partial(_say, words)
    if notice.step == "withdrawn":
        return [say("back" if notice.open else "back.all", **facts)]
    lines = [say("count.one" if sight.alerts == sight.waiting == 1 else "count", **facts)]
    if notice.step == "over":
        return [*lines, say("over.open" if notice.open else "over.closed", **facts)]
    if sight.since and notice.step != "new":
        lines.append(say("since", since=_clock(sight.since, receiver)))
    if notice.level:
        lines.append(say("level", level=notice.level))
    if isinstance(sight.silence, Silence):
        silence = sight.silence
        until = _clock(silence.ends, receiver)
        lines.append(say("silenced", silenced=sight.silenced, by=silence.by, until=until, reason=silence.reason))
    return lines


def _parts(planned: Planned, words: Mapping[str, str], summary: Callable[[str], str | None]) -> list[str]:
    lines = []
    for case, seen in planned.parts[:MOST_LINES]:
        head = seen.head
        if head is None:
            continue
        said = summary(head.alert) or head.rule
        more = f" ({case.alerts:,})" if case.alerts > 1 else ""
        lines.append(f"- {words[f'severity.{seen.urgent or seen.severity}']} {head.rule}{more}: {said}")
    rest = len(planned.parts) - MOST_LINES
    return lines if rest <= 0 else [*lines, words["rest"].format(rest=f"{rest:,}")]


def _links(planned: Planned, link: str) -> list[str]:
    if not link:
        return []
    kind, _, subject = planned.notice.thread.partition(":")
    if kind == "case":
        return [f"{link}/cases/{subject}"]
    return [f"{link}/alerts?rule={subject}"] if kind == "rule" else [f"{link}/alerts"]


def _clock(ms: int, receiver: Receiver) -> str:
    return f"{at_local(ms, receiver.timezone):%Y-%m-%d %H:%M}"


def _number(value: object) -> object:
    return f"{value:,}" if isinstance(value, int) else value
