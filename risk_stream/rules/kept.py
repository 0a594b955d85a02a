"""What was read of rule files, so that a file whose text is the same is not read again."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, Node, Problem, ProblemsError, read_yaml
from risk_stream.rules.declared.loaded import LoadedFile
from risk_stream.rules.declared.neighbours import NOTHING, Name, Neighbour
from risk_stream.rules.language.expression import CARD, FIRED, SCORE
from risk_stream.rules.load import KINDS, kind_of_file, load_file

__all__ = ["KeptFiles"]

log = logging.getLogger(__name__)

#: A file that so many loads did not name is forgotten; a house that goes back to what it had finds it again.
FORGOTTEN_AFTER = 4


@dataclass(frozen=True, slots=True)
class _Kept:
    """What one text says, and what it was read with."""

    file: LoadedFile | None  # None where it is no YAML
    problems: tuple[Problem, ...]  # of its form
    kind: str  # of `load.KINDS`
    imports: bool
    libraries: Mapping[str, str]  # all that were there to be imported, name -> text
    calendars: Mapping[str, Calendar]  # all that were there to go by
    used: int  # the load that named it last
    failed: bool = False  # its checks did, and nobody knows by what

    def stands(
        self, libraries: Mapping[str, str], calendars: Mapping[str, Calendar], known: Mapping[Name, Neighbour]
    ) -> bool:
        """Whether it would be read the same again, with these to be imported, to go by and to be asked."""
        if self.failed:
            return False
        if self.imports and self.libraries != libraries:
            return False
        if self.file is not None and any(known.get(n, NOTHING) is not told for n, told in self.file.asked.items()):
            return False
        if self.file is None or self.calendars == calendars:
            return True
        return not self.file.problems and all(calendars.get(n) == known for n, known in self.file.calendars.items())


class KeptFiles:
    """Reads rule files, and keeps what they say for the next time.

    A file is read again where its name or its text is another, where it imports and one of the files to be imported is
    another, and where the event types are or a calendar that it goes by; one whose checks failed is read each time.
    Of loads at the same time one is kept.
    """

    def __init__(self) -> None:
        self._loads = 0
        self._kept: tuple[str, dict[tuple[str, str], _Kept]] = "", {}  # the catalogue's version; by name and text

    def load(
        self, texts: Mapping[str, str], catalogue: Catalogue, calendars: Mapping[str, Calendar]
    ) -> tuple[list[LoadedFile], list[Problem]]:
        """Rule files given as name -> text: (what those hold that are YAML, what is wrong with the form of others)."""
        self._loads = number = self._loads + 1
        version, known = self._kept
        before = known if version == catalogue.version else {}
        found = _Load(texts, catalogue, calendars, before, number).found
        stay = {key: one for key, one in before.items() if one.used > number - FORGOTTEN_AFTER}
        self._kept = catalogue.version, stay | {(name, texts[name]): one for name, one in found.items()}
        files = [one.file for one in found.values() if one.file is not None]
        return files, [problem for one in found.values() for problem in one.problems]


class _Load:
    """One load: `found` is what each file says by its name, those first that others may import."""

    def __init__(
        self,
        texts: Mapping[str, str],
        catalogue: Catalogue,
        calendars: Mapping[str, Calendar],
        before: Mapping[tuple[str, str], _Kept],
        number: int,
    ) -> None:
        self.texts, self.catalogue, self.calendars, self.number = texts, catalogue, calendars, number
        self.found: dict[str, _Kept] = {}
        kept = {name: before.get((name, text)) for name, text in texts.items()}
        roots = {name: self._root(name) for name, one in kept.items() if one is None}
        kinds = {name: self._kind(roots[name]) if one is None else one.kind for name, one in kept.items()}
        shared = {name: texts[name] for name in texts if kinds[name] == "library"}
        libraries: dict[str, LoadedFile] = {}
        known: dict[Name, Neighbour] = {}
        for name in sorted(texts, key=lambda name: KINDS.index(kinds[name])):
            one, is_shared = kept[name], kinds[name] == "library"
            if one is not None and one.stands(shared, calendars, known):
                self.found[name] = replace(one, used=number)
            else:
                root = roots.get(name) or self._root(name)
                self.found[name] = self._read(name, root, {} if is_shared else libraries, shared, known)
            file = self.found[name].file
            if file is None:
                continue
            if is_shared:
                libraries[posixpath.normpath(name)] = file
            if kinds[name] != "table":
                known |= _told(file)

    @staticmethod
    def _kind(root: Node | ProblemsError) -> str:
        return kind_of_file(root) if isinstance(root, Node) else "rules"

    def _root(self, name: str) -> Node | ProblemsError:
        try:
            return read_yaml(self.texts[name], name)
        except ProblemsError as error:
            return error

    def _read(
        self,
        name: str,
        root: Node | ProblemsError,
        libraries: Mapping[str, LoadedFile],
        shared: Mapping[str, str],
        known: Mapping[Name, Neighbour],
    ) -> _Kept:
        if isinstance(root, ProblemsError):
            return _Kept(None, tuple(root.problems), "rules", False, {}, {}, self.number)
        try:
            file = load_file(self.catalogue, self.calendars, root, self.texts[name], libraries, known)
        except Exception as error:  # of a file that nobody thought of: a worker goes on with what it has
            log.exception("the checks of %s failed, the rules in force stay: report it", name)
            said = (
                f"this file could not be checked ({type(error).__name__}), which is a fault of risk-stream: report it"
            )
            kind, problem = kind_of_file(root), Problem(name, 1, 1, said)
            return _Kept(None, (problem,), kind, False, {}, {}, self.number, failed=True)
        return _Kept(file, (), kind_of_file(root), "import" in root, shared, self.calendars, self.number)


def _told(file: LoadedFile) -> dict[Name, Neighbour]:
    """What others may ask of a file, by its name; None where it is wrong in itself."""
    told: dict[Name, Neighbour] = dict.fromkeys((FIRED, id) for id, _ in file.ids)
    told |= dict.fromkeys((CARD, id) for id, _ in file.card_ids)
    told |= dict.fromkeys((SCORE, id) for id, _ in file.model_ids)
    told |= {(FIRED, rule.id): rule for rule in file.rules}
    if file.card is not None:
        told[CARD, file.card.id] = file.card
    if file.model is not None:
        told[SCORE, file.model.id] = file.model
    return told
