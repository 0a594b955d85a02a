"""Finds and reads the rule files of a house."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from risk_stream.catalogue import Problem, ProblemsError
from risk_stream.rules.limits import MAX_FILE_BYTES, MAX_FILES

__all__ = ["PlanError", "below", "read_rule_file", "rule_files", "with_models"]

_ENDINGS = (".yaml", ".yml")
#: A folder of rules, and that of models beside it.
_RULES, _MODELS = "rules", "models"


class PlanError(ProblemsError):
    """Raised when rule files cannot be used; `problems` holds everything wrong in all of them."""


def rule_files(paths: Sequence[Path]) -> list[Path]:
    """The rule files that paths name: files as they are, and those below folders. Raises `PlanError`."""
    found: list[Path] = []
    problems = []
    for path in paths:
        if path.is_dir():
            inside = sorted(below(path))
            if not inside:
                problems.append(Problem(str(path), 0, 0, "this folder holds no rule file: put a .yaml file there"))
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            said = "this is no file" if path.exists() else "there is no such file or folder"
            problems.append(Problem(str(path), 0, 0, f"{said}: name the folder that holds the rules"))
    if len(found) > MAX_FILES:
        said = f"there are more than {MAX_FILES:,} rule files here: name a folder of rules"
        problems.append(Problem(str(paths[0]), 0, 0, said))
    if problems:
        raise PlanError(problems)
    return list(dict.fromkeys(found))


def with_models(paths: Sequence[Path], models: Sequence[Path] = ()) -> list[Path]:
    """Paths of rules, and of the models that they may ask: those named, else the folders that lie beside the rules.

    Such a folder is called `models` and lies beside one called `rules`, which a path of rules is, or is in.
    """
    found = list(models)
    if not found:
        around = (folder for path in paths for folder in (path, *path.parents) if folder.name == _RULES)
        found = [beside for folder in around if (beside := folder.with_name(_MODELS)).is_dir()]
    return list(dict.fromkeys([*paths, *found]))


def below(folder: Path) -> Iterator[Path]:
    """What ends in .yaml or .yml in a folder and the folders in it.

    What is hidden is none of ours: git's files, an editor's, and the folders of earlier versions from which Kubernetes
    links the files of a ConfigMap. Links to folders are not followed.
    """
    pending = [str(folder)]
    while pending:
        try:
            entries = os.scandir(pending.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.name.endswith(_ENDINGS) and entry.is_file():
                    yield Path(entry.path)


def read_rule_file(path: Path) -> str:
    """A rule file's text. Raises `PlanError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PlanError([Problem(str(path), 0, 0, f"cannot read the file: {error.strerror or error}")]) from None
    if len(data) > MAX_FILE_BYTES:
        said = f"the file has more than {MAX_FILE_BYTES:,} bytes: split it into several"
        raise PlanError([Problem(str(path), 0, 0, said)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PlanError([Problem(str(path), line, 1, "the file is not UTF-8 text: save it as UTF-8")]) from None
