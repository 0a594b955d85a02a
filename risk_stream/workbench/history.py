"""Which versions of each rule there were, when, by whom, and what changed: read from git, where the files are in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, ProblemsError, read_yaml
from risk_stream.rules import PlanError, Rule, plan_of_texts, read_rule_file, rule_files
from risk_stream.rules.kept import KeptFiles
from risk_stream.rules.language.meaning import wording
from risk_stream.rules.limits import MAX_FILE_BYTES
from risk_stream.rules.load import kind_of_file
from risk_stream.workbench.revision import GitError, contents, files_at, git

__all__ = ["NEW", "REMOVED", "Commit", "History", "RuleVersion", "Unread", "changed_words", "history"]

#: The words for a rule's first version, and for its end.
NEW, REMOVED = "new", "removed"


@dataclass(frozen=True, slots=True)
class Commit:
    """Where a change came in. What does not show in its texts is a question mark."""

    id: str
    when: str  # ISO 8601, the committer's clock and zone
    author: str
    committer: str
    subject: str


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """A rule as it was from a commit on."""

    rule: str
    version: str  # hash of its meaning; "" where it was removed
    changed: tuple[str, ...]  # `new`, `removed`, or what of it is another than before: when, severity, mode …
    file: str  # within the repository
    line: int
    severity: str
    mode: str
    commit: Commit | None  # None where it is in the files and not yet committed


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be loaded as it was at a commit; its rules stand as they were before."""

    file: str
    commit: str
    said: str


@dataclass(frozen=True, slots=True)
class History:
    """What git tells of rule files."""

    rules: dict[str, tuple[RuleVersion, ...]]  # by id, the oldest version first
    unread: tuple[Unread, ...]
    shallow: bool  # whether the repository holds the newest commits alone


def history(paths: Sequence[Path], catalogue: Catalogue, calendars: Mapping[str, Calendar]) -> History:
    """The versions of every rule below some files and folders of one repository, along the first parents of HEAD.

    Every version is read by the language, the catalogue and the calendars of now, so that equal hashes mean equal
    rules. A rule that moves to another file or line stays what it is. What is not yet committed comes last.

    Raises:
        GitError: there is no git, or the paths are in no repository, or in several.
    """
    top = _top(paths)
    inside = [_name(top, path) for path in paths]
    reader = _Reader(top, catalogue, calendars)
    found: dict[str, list[RuleVersion]] = {}
    before: dict[str, Rule] = {}
    for commit in _commits(top, inside):
        now = reader.at(_blobs(top, commit.id, inside), commit.id, before)
        _compare(before, now, commit, found)
        before = now
    _compare(before, reader.read(dict(_texts_now(top, paths)), "", before), None, found)
    shallow = git(top, "rev-parse", "--is-shallow-repository").strip() == b"true"
    return History({name: tuple(found[name]) for name in sorted(found)}, tuple(reader.unread), shallow)


def changed_words(before: Rule, after: Rule) -> tuple[str, ...]:
    """What of a rule is another than before, in words; nothing where it is only written or placed in another way."""
    words = ["mode"] if (before.mode, before.share) != (after.mode, after.share) else []
    words += _differing(before, after, "owner", "why", "tags", "group", "at_most")
    if before.version == after.version:
        return tuple(words)
    told = _differing(before, after, "stage", "action", "approximate", "after", "validity")
    told += ["on"] if sorted(before.on) != sorted(after.on) else []
    levels = [(rule.severity, [(b.severity, _plain(b.when)) for b in rule.bands]) for rule in (before, after)]
    told += ["severity"] if levels[0] != levels[1] else []
    told += ["when"] if _plain(before.when) != _plain(after.when) else []
    told += ["score"] if wording(before.score) != wording(after.score) else []
    told += ["features"] if _features(before) != _features(after) else []
    told += ["summary"] if before.summary != after.summary else []
    return (*(told or ["constants"]), *words)


def _differing(before: Rule, after: Rule, *words: str) -> list[str]:
    return [word for word in words if getattr(before, word) != getattr(after, word)]


def _plain(text: str) -> str:
    return " ".join(text.split())


def _features(rule: Rule) -> dict[str, str]:
    return {name: feature if isinstance(feature, str) else feature.id for name, feature in rule.features}


def _compare(
    before: Mapping[str, Rule],
    now: Mapping[str, Rule],
    commit: Commit | None,
    found: dict[str, list[RuleVersion]],
) -> None:
    """Note in `found` what is another in `now` than `before`."""
    for name, rule in now.items():
        changed = changed_words(before[name], rule) if name in before else (NEW,)
        if changed:
            found.setdefault(name, []).append(_version(rule, rule.version, changed, commit))
    for name, rule in before.items():
        if name not in now:
            found[name].append(_version(rule, "", (REMOVED,), commit))


def _version(rule: Rule, version: str, changed: tuple[str, ...], commit: Commit | None) -> RuleVersion:
    return RuleVersion(rule.id, version, changed, rule.file, rule.line, rule.severity, rule.mode, commit)


class _Reader:
    """Loads the rule files of one commit after another; a file that is the same again is not loaded again."""

    def __init__(self, top: Path, catalogue: Catalogue, calendars: Mapping[str, Calendar]) -> None:
        self.top, self.catalogue, self.calendars = top, catalogue, calendars
        self.unread: list[Unread] = []
        self._texts: dict[str, str] = {}  # by blob
        self._bad: set[tuple[str, str]] = set()
        self._kept = KeptFiles()
        self._loaded: dict[tuple[str, str, tuple[tuple[str, str], ...]], tuple[Rule, ...] | str] = {}

    def at(self, blobs: Mapping[str, str], commit: str, before: Mapping[str, Rule]) -> dict[str, Rule]:
        """The rules by id of files given as name -> blob."""
        missing = [blob for blob in blobs.values() if blob not in self._texts]
        self._texts.update((blob, _text(data)) for blob, data in contents(self.top, missing))
        return self.read({name: self._texts[blob] for name, blob in blobs.items()}, commit, before)

    def read(self, texts: Mapping[str, str], commit: str, before: Mapping[str, Rule]) -> dict[str, Rule]:
        """The rules by id of files given as name -> text; those of a file that does not load stand as before."""
        kinds = {name: _kind(text) for name, text in texts.items()}
        libraries = {
            name: text for name, text in texts.items() if kinds[name] in ("library", "scorecard", "segments", "model")
        }
        found: dict[str, Rule] = {}
        for name, text in texts.items():
            if name in libraries:
                continue
            rules = self._rules(name, text, texts if kinds[name] == "table" else libraries)
            if isinstance(rules, str):
                if (name, text) not in self._bad:
                    self.unread.append(Unread(name, commit, rules))
                self._bad.add((name, text))
                rules = tuple(rule for rule in before.values() if rule.file == name)
            for rule in rules:
                found.setdefault(rule.id, rule)
        return found

    def _rules(self, name: str, text: str, libraries: Mapping[str, str]) -> tuple[Rule, ...] | str:
        """The rules of a file, or what is wrong with it; `libraries` are the files that it may ask."""
        key = (name, text, tuple(libraries.items()))
        if key not in self._loaded:
            try:
                whole = {**libraries, name: text}
                plan = plan_of_texts(whole, self.catalogue, calendars=self.calendars, kept=self._kept)
                self._loaded[key] = tuple(rule for rule in plan.rules if rule.file == name)
            except PlanError as error:
                self._loaded[key] = str(error.problems[0])
        return self._loaded[key]


@cache
def _kind(text: str) -> str:
    """Which kind of file a text is; one that is no YAML would be one of rules."""
    try:
        return kind_of_file(read_yaml(text, ""))
    except ProblemsError:
        return "rules"


# What git says


def _top(paths: Sequence[Path]) -> Path:
    """The one repository in which some files and folders are."""
    tops = set()
    for path in paths:
        folder = path if path.is_dir() else path.parent
        try:
            tops.add(git(folder, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
        except GitError as error:
            if "not a git repository" in str(error):
                raise GitError(
                    f"{path} is in no git repository, so nothing is known of its past: keep the rules in one"
                ) from None
            raise
    if len(tops) > 1:
        raise GitError("the rule files are in several git repositories: name those of one")
    return Path(tops.pop()).resolve()


def _commits(top: Path, inside: Sequence[str]) -> Iterator[Commit]:
    """The commits that touch some paths, the oldest first."""
    try:
        git(top, "rev-parse", "--verify", "--quiet", "HEAD")
    except GitError:  # nothing is committed yet
        return
    form = "%H%x00%cI%x00%an%x00%cn%x00%s%x00"
    arguments = (
        "--literal-pathspecs",
        "log",
        "--first-parent",
        "--reverse",
        "--no-show-signature",
        f"--format={form}",
        "HEAD",
        "--",
        *inside,
    )
    parts = git(top, *arguments).decode(errors="replace").split("\0")
    for at in range(0, len(parts) - 5, 5):
        name, when, author, committer, subject = (_printable(part.strip("\n")) for part in parts[at : at + 5])
        yield Commit(name, when, author, committer, subject)


def _blobs(top: Path, commit: str, inside: Sequence[str]) -> dict[str, str]:
    """The rule files at a commit, name -> blob; what is too large is none of them."""
    return {file.name: file.blob for file in files_at(top, commit, inside) if file.size <= MAX_FILE_BYTES}


def _text(data: bytes) -> str:
    """The text of a blob; one that is no UTF-8 is empty, which no rule file is."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""


def _texts_now(top: Path, paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """The rule files as they are, by their names within the repository."""
    for path in rule_files(paths):
        yield _name(top, path), read_rule_file(path)


def _name(top: Path, path: Path) -> str:
    """The name of a file or folder within the repository; of a link its own."""
    place = path.resolve() if path.is_dir() else path.parent.resolve() / path.name
    return str(place.relative_to(top))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
