"""The page of every sentence that says what is wrong: where one meets it, and what to do where it does not say so."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from docs.messages import Message, messages

__all__ = [
    "SECTIONS",
    "Section",
    "errors_page",
    "says_what_goes_on",
    "says_what_is_right",
    "says_what_to_do",
    "section_of",
]

_VERBS = (
    "add|agree|allow|ask|begin|change|choose|close|convert|copy|correct|declare|define|delete|divide|do|drop|encode|end|enter"
    "|fit|give|go|group|have|install|join|keep|leave|let|list|look|make|mark|mend|move|multiply|name|note"
    "|open|order|pass|pick|put|quote|raise|read|remove|rename|reopen|repeat|replace|round|run|save|say|see"
    "|send|set|share|shorten|show|sign|simplify|spell|split|start|state|stop|store|take|tell|tick|try|turn"
    "|use|wait|wrap|write"
)
_IMPERATIVE = rf"(?:^|[:;,.(]\s*|\b(?:and|or|so|not|first|then) )(?:{_VERBS})\b"
_NAMES = r"risk-stream [a-z]|RISK_STREAM_|--[a-z]|docs/|pip install|\baccess\.yaml|\breceivers\.yaml"
_ASKS = r"\?$|did you mean|\{(?:meant|hint|advice|did you mean|near|nearest|known|said|none|doubt|do)\}"
_DO = re.compile(rf"{_IMPERATIVE}|{_NAMES}|{_ASKS}|\bmust\b", re.IGNORECASE)
_RIGHT = re.compile(
    r"\bneeds?\b|\bexpected\b|\bsuch as\b|\bmay (?:only|be|have)\b|\bonly\b|\bat (?:most|least)\b|\bbetween\b"
    r"|\bfrom \S+ to\b|\b(?:one|any) of\b|\bthere (?:are|is) \{|, not |\bis (?:a|an|text|true|one|the|written)\b"
    r"|\bare (?:a|an|texts)\b|\bhas to\b|\bbegins? with\b|\btakes?\b|\bhas (?:a|an)\b|\bnames? \S+\b|: \{|\(.*\{.*\)"
    r"|\bor (?:more|less)\b|\bafter\b|\bbefore\b|\bmore than\b|\bover\b|\bbelow\b|\bnegative\b|\btwice\b|\bmissing\b"
    r"|\bno \S+|\bnever\b|\bcannot\b|\bgoes?\b|\bstands?\b|\blies?\b|\bsays?\b|\bhave the same\b|\d+ to \d+",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\bagain\b|\banew\b|\bstays?\b|\bwaiting\b|\bfrom now on\b|\bcounts as\b|\banother\b|\bfrom its next\b|\banswers\b"
    r"|\bcome back\b|\btook over\b",
    re.IGNORECASE,
)


def says_what_to_do(text: str) -> bool:
    """Whether a sentence tells its reader to do something, asks what is to be looked at, or names what to write."""
    return _DO.search(text) is not None


def says_what_is_right(text: str) -> bool:
    """Whether a sentence says what would be right, or which part of what was written is wrong."""
    return _RIGHT.search(text) is not None


def says_what_goes_on(text: str) -> bool:
    """Whether a line of a log says what its process does about what happened."""
    return _GOES_ON.search(text) is not None


@dataclass(frozen=True)
class Section:
    """Where sentences are met: what names the place there, and what to do where a sentence does not say it."""

    title: str
    where: str
    do: str
    holds: Callable[[Message], bool]
    must: tuple[Callable[[str], bool], ...] = ()  # one of these holds of each sentence; none where the head says it


def _of(*carriers: str, rooms: str = "") -> Callable[[Message], bool]:
    wanted = frozenset(rooms.split())
    return lambda message: message.carrier in carriers and (not wanted or message.room in wanted)


_FILES = ("report", "problem", "Problem", "ExpressionError", "PatternError")
#: The first that holds a message has it.
SECTIONS = (
    Section(
        "The environment",
        "Every command and process begins with the settings. The sentence begins with the variable.",
        "Set the variable to what [operations.md](operations.md) allows, or take it away. Exit code 1.",
        lambda message: message.room == "settings" and message.carrier != "BrokerError",
        (says_what_to_do,),
    ),
    Section(
        "The command line",
        "On standard error, after `risk-stream:`, with exit code 1, or 2 where the command was typed wrongly.",
        "`risk-stream COMMAND --help` shows what a command takes.",
        lambda message: (
            message.carrier
            in {"CommandError", "BadParameter", "Finding", "GitError", "OutcomeError", "EmbeddedError", "RebuildError"}
            | {"TooMuchError", "RunError", "HeadsError"}
            or (message.carrier in {"ConnectionError", "ValueError"} and message.room in {"cli", "simulate"})
        ),
        (says_what_to_do,),
    ),
    Section(
        "Files of rules and models",
        "`FILE:LINE:COLUMN:` stands before each; `risk-stream rules check` says all of them at once, a worker those of"
        " a change that it refuses. What was in force stays in force.",
        "Mend the file at that place; [reference.md](reference.md) has every word of the language in a line.",
        _of(*_FILES, rooms="rules features models"),
        (says_what_to_do, says_what_is_right),
    ),
    Section(
        "Other files that people write",
        "Event types, calendars, access, alerts, desk, receivers, on-call, tables of loans and margins, maps of"
        " refused records: `FILE:LINE:COLUMN:` stands before each. What was in force stays in force.",
        "Mend the file at that place.",
        lambda message: message.carrier in {*_FILES, "AccessError", "LocalError", "AddressError", "TableError"},
        (says_what_to_do, says_what_is_right),
    ),
    Section(
        "Figures of loans and margins",
        "Where a loan, a book, a schedule or a table of figures cannot be: the command, the event or the row of the"
        " book is named before it.",
        "Correct the figure where it is made.",
        _of("LendingError"),
        (says_what_to_do, says_what_is_right),
    ),
    Section(
        "Events that are refused",
        "In `risk.rejects`, in `risk-stream rejects`, on the console's page of data quality and in `replay`, with the"
        " topic, partition and offset, or the line.",
        "Mend the sender; [operations.md](operations.md) says how refused records are judged after all.",
        _of("Refusal", "_refuse", "Reject"),
        (says_what_to_do, says_what_is_right),
    ),
    Section(
        "Acts that are refused",
        "What people do with alerts, silences and plans: from `risk-stream alerts` and `silences`, and in the"
        " console. The alert is named beside it.",
        "Look at how it stands (`risk-stream alerts show ALERT`), and act on that.",
        _of("act"),
    ),
    Section(
        "The HTTP API and signing in",
        'As `{"error": "…"}` with a status of 4xx (the request) or 5xx (ask again), in the console as text.',
        "Change the request as `/v1/openapi.json` describes it.",
        _of(
            *("bad", "_refused", "BadQueryError", "BadRequestError", "OpenIdError", "SessionError", "TokenError"),
            *("BusyError", "UndecidedError", "QueryError", "OverloadedError", "ConflictError", "LostError"),
        ),
        (says_what_to_do, says_what_is_right),
    ),
    Section(
        "Kafka, Redis and Alertmanager",
        "From commands with exit code 1; a process that is running waits and says so once.",
        "[runbook.md](runbook.md) goes through what can be wrong.",
        _of("BrokerError", "RedisError", "AlertmanagerError", "KafkaError", "KafkaTimeoutError", "ConnectionError"),
        (says_what_to_do,),
    ),
    Section(
        "A process that runs",
        "In its log: what happened, and what it does about it. None of these stops it but those it ends with.",
        "Where it says what it does about it, nothing; else [runbook.md](runbook.md).",
        lambda message: message.carrier.startswith("log ") or message.carrier in {"told", "_told", "_say"},
        (says_what_to_do, says_what_is_right, says_what_goes_on),
    ),
    Section(
        "What was kept and cannot be used",
        "State, plans, batches and sealed models: behind the line of the log that says what is done about it.",
        "A worker begins what it cannot read anew, or ends and says so; go on with the release that wrote it, or see"
        " [operations.md](operations.md).",
        lambda _: True,
    ),
)


#: Sentences that are not held to what their section is held to, and why.
OTHERWISE = {
    '"{name}" is {shown}, which is not {span}': "the span ends with what is expected",
    "the character U+{ord} {UNSEEN}": "what is filled in ends with: remove it",
    "nothing, if it is an embedded one": "it is what to do: nothing",
    "no record of {name} is an event: {first reject}": "what is filled in is a refusal, and those say it",
    "git: {…}": "git's own words",
    "kind and key go together: kind=customer&key=C000123": "it is an example to copy",
    "the send was given up": "said to the process alone, which sends again",
    "investors are C1 to C{LEVELS} and products R1 to R{LEVELS}": "it is what may be written",
    "a contract has 1 to {MAX INSTALMENTS} instalments, 1 to {MAX MONTHS} months apart": "it is what may be written",
    "a pattern is {of: TYPE, where: CONDITION} or {sequence: [STEP, STEP], within: 10m}": "it is what may be written",
    "{value} works on {taken} fields, and '{name}' is {value}": "it is what may be written",
    "'{what}' does not work on {value}{quoted}": "it is what may not be written",
    "'{name}' is {needed}, and this is {raw}": "it is what may be written, beside what is",
    "the rule '{other}' judges {join}, and not {join}": "it is what the rule may be asked on",
    "summary has {len} characters with its constants, {most}": "the most is filled in, with what to do",
    "{whose use} uses the {what} '{name}'": "it is said of what is taken away, beside where it is used",
    "the rule '{name}' {wrong}": "what is filled in says it",
    "the feature '{name}' {misfit}": "what is filled in says it",
    "{key} is {what}": "it is what may be written",
}


def section_of(message: Message) -> Section:
    """The section that has a sentence."""
    return next(section for section in SECTIONS if section.holds(message))


def errors_page() -> str:
    """Every sentence, by where one meets it."""
    found: dict[str, set[str]] = {section.title: set() for section in SECTIONS}
    for message in messages():
        found[section_of(message).title].add(message.text)
    total = sum(map(len, found.values()))
    head = (
        "# What can be wrong\n\n"
        "<!-- made by `make docs` from risk_stream; edit the sentence where it is said -->\n\n"
        f"Every sentence that risk-stream can say of what is wrong, {total:,} of them, read from its source. What\n"
        "stands in {…} is filled in: search for the words beside it. A sentence says what"
        " happened, where, and what to\n"
        "do; where it leaves the last out, the head of its section has it. What is no mistake of yours ends\n"
        'with exit code 70 and "This should not happen", and names the file to report.\n'
    )
    parts = [head]
    for section in SECTIONS:
        lines = "\n".join(f"* {_shown(text)}" for text in sorted(found[section.title], key=str.lower))
        parts.append(f"## {section.title}\n\n{section.where} {section.do}\n\n{lines}\n")
    return "\n".join(parts)


def _shown(text: str) -> str:
    """A sentence as code, so that nothing in it is taken for markup."""
    ticks = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"
