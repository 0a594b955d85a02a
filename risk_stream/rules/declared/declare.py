"""What a rule file declares: constants, patterns and features, its own and those of the files that it imports."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, Node
from risk_stream.rules.declared.aggregates import Feature, read_aggregate
from risk_stream.rules.declared.cases import BY, Cases, constant_of, read_cases
from risk_stream.rules.declared.loaded import LoadedFile
from risk_stream.rules.declared.patterns import read_patterns
from risk_stream.rules.declared.scope import Features
from risk_stream.rules.language.check import nearest
from risk_stream.rules.language.events import Reading
from risk_stream.rules.language.expression import RESERVED
from risk_stream.rules.language.functions import Vocabulary
from risk_stream.rules.language.meaning import calendars_of
from risk_stream.rules.limits import MAX_FEATURES
from risk_stream.rules.reading import NAME, Reader, kind_of

__all__ = ["Declarations"]


class Declarations:
    """Reads the declarations of one file into its `known` names; `own` are those that it declares itself."""

    def __init__(
        self,
        reader: Reader,
        catalogue: Catalogue,
        calendars: Mapping[str, Calendar],
        loaded: LoadedFile,
        known: Features,
    ) -> None:
        self.own: dict[str, Node] = {}
        self._reader, self._catalogue, self._calendars = reader, catalogue, calendars
        self._loaded, self._known = loaded, known

    def imports(self, node: Node | None, libraries: Mapping[str, LoadedFile]) -> None:
        """Take in the constants, patterns and features of other files, named from this one's folder on."""
        if node is None:
            return
        folder = posixpath.dirname(node.file)
        for item in node.value if node.is_list else [node]:
            if not item.is_text:
                self._reader.report(
                    item, f"import names a file, such as import: constants.yaml, and this is {kind_of(item)}"
                )
                continue
            name = posixpath.normpath(posixpath.join(folder, item.value))
            library = libraries.get(name)
            if library is None or library.features is None:
                known = [posixpath.relpath(other, folder) for other in libraries]
                advice = (
                    nearest(item.value, known) or ": it is among the rule files, and has constants, features or both"
                )
                self._reader.report(item, f"there is no file '{item.value}' to import{advice}")
                continue
            self._take_in(item, library, library.features)

    def _take_in(self, node: Node, library: LoadedFile, theirs: Features) -> None:
        mine = self._known
        for name in (*theirs.constants, *theirs.patterns, *theirs.declared):
            if name in mine.constants or name in mine.patterns or name in mine.declared:
                self._reader.report(
                    node,
                    f"'{node.value}' declares '{name}', and so does another file that is imported here: rename one",
                )
                return
        mine.constants.update(theirs.constants)
        mine.patterns.update(theirs.patterns)
        broken = bool(library.problems)  # they are said there
        mine.declared.update(dict.fromkeys(theirs.declared) if broken else theirs.declared)
        self._loaded.wheres.update(library.wheres)
        self._loaded.calendars.update(library.calendars)

    def read(self, root: Node) -> None:
        """All that the file itself declares, with the meaning of each and what is wrong in it reported."""
        self._constants(root.get("constants"))
        self._patterns(root.get("patterns"))
        self._features(root.get("features"))
        self._known.check()
        self._known.check_cases(self.own, self._reader.report)

    def _constants(self, node: Node | None) -> None:
        """Read the names for numbers and texts."""
        for key, child in self._declarations(node, "constants", "numbers and texts"):
            if not self._may_declare(key, "a constant"):
                continue
            self.own[key.value] = key
            if child.is_mapping:
                self._known.constants[key.value] = read_cases(key, child, self._reader.report)
                continue
            constant = self._known.constants[key.value] = constant_of(child)
            if constant is None:
                self._reader.report(
                    child, f"the constant '{key.value}' is a number, a text, true or false, or has cases of them"
                )
        self._refuse_constants_by_constants()

    def _refuse_constants_by_constants(self) -> None:
        """A constant that goes by another, which may go by the first again, goes by no text of an event."""
        constants = self._known.constants
        wrong = [
            cases for name in self.own if isinstance(cases := constants.get(name), Cases) and cases.by in constants
        ]
        for cases in wrong:
            constants[cases.name] = None
            self._reader.report(cases.node[BY], f"'{cases.name}' goes by '{cases.by}', which is no text of an event")

    def _patterns(self, node: Node | None) -> None:
        """Read the names for what happens."""
        sound = {}
        for key, child in self._declarations(node, "patterns", "patterns"):
            if key.value in self._catalogue:
                self._reader.report(key, f"'{key.value}' is an event type: give the pattern another name")
            elif self._may_declare(key, "a pattern"):
                sound[key.value] = child
                self.own[key.value] = key
        self._known.patterns.update(read_patterns(self._reading(), sound))

    def _reading(self) -> Reading:
        known = self._known
        return Reading(
            self._catalogue,
            self._reader.report,
            self._reader.report_in,
            lambda name, resolve: known.constant(name, resolve) if name in known.constants else None,
            known.patterns,
            known.used.add,
            Vocabulary(self._calendars),
        )

    def _declarations(self, node: Node | None, what: str, of: str) -> Iterable[tuple[Node, Node]]:
        """The names that a mapping declares, each with what it stands for; none where it is no mapping or too large."""
        if node is None or node.value is None:
            return ()
        if not node.is_mapping:
            self._reader.report(node, f"{what} is a mapping of names to {of}")
            return ()
        if len(node.value) > MAX_FEATURES:
            self._reader.report(
                node, f"there are {len(node.value):,} {what} in one file, at most {MAX_FEATURES:,} are allowed"
            )
            return ()
        return node.items()

    def _may_declare(self, key: Node, what: str) -> bool:
        """Whether a name can be given to a feature, a constant or a pattern; if not, it is reported."""
        name = key.value
        if not NAME.fullmatch(name) or name in RESERVED:
            self._reader.report(
                key, f"'{name}' cannot be {what}'s name: use letters, digits and _, and no word of the language"
            )
        elif self._catalogue.field(name) is not None:
            self._reader.report(
                key, f"'{name}' is a field of the catalogue: give {what.replace('a ', 'the ')} another name"
            )
        elif name in self._known.constants or name in self._known.patterns:
            is_one = "a constant" if name in self._known.constants else "a pattern"
            self._reader.report(key, f"'{name}' is {is_one} already: choose another name")
        elif name in self._known.declared:
            self._reader.report(key, f"'{name}' is a feature that is imported: choose another name")
        else:
            return True
        return False

    def _features(self, node: Node | None) -> None:
        """Read the names for values; what they mean is settled by `Features.check`."""
        declared = self._known.declared
        for key, child in self._declarations(node, "features", "features"):
            may_be = self._may_declare(key, "a feature")
            declared[key.value] = None
            self.own[key.value] = child
            if not may_be:
                continue
            if child.is_mapping:
                declared[key.value] = self._aggregate(key.value, child)
            elif child.is_text:
                declared[key.value] = self._expression(key.value, child)
            else:
                self._reader.report(
                    child, "a feature is an aggregate {count: TYPE, by: KEY, window: 30d} or an expression"
                )

    def _aggregate(self, name: str, node: Node) -> Feature | None:
        feature = read_aggregate(self._reading(), self._calendars, name, node)
        if feature is not None and feature.calendar is not None:
            self._loaded.calendars[feature.calendar.name] = feature.calendar
        if feature is not None:
            self._loaded.wheres.update(feature.wheres)
            asked = (one for where in feature.wheres.values() for one in calendars_of(where))
            self._loaded.calendars.update((calendar.name, calendar) for _, calendar in asked)
        return feature

    def _expression(self, name: str, node: Node) -> Feature | None:
        tree = self._reader.parsed(node)
        return Feature(name, node, tree=tree) if tree is not None else None
