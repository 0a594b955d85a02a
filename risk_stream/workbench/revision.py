"""Rule files as they were at a revision of git, for whoever compares them with those of now."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

__all__ = ["GitError", "git", "texts_at"]

#: How long git may take, s.
PATIENCE = 30.0
_ENDINGS = {".yaml", ".yml"}


class GitError(Exception):
    """Raised when git cannot say what it is asked; the text is one sentence."""


def git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git says in a folder; `given` is what it reads.

    Raises:
        GitError: there is no git here, the folder is in no repository, or git refuses; says which.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are ours, and no shell reads them
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the git that this user would call
            input=given,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("git is not installed here") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git did not answer within {PATIENCE:.0f} s in {folder}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(f"git: {said[0] if said else 'it failed without a word'}")
    return done.stdout


def texts_at(revision: str, paths: Sequence[Path]) -> dict[str, str]:
    """The rule files below some files and folders of a repository as they were at a revision, name -> text.

    Names are those that the files have now, so that problems and imports are the same. A path that was not there then
    has no files.

    Raises:
        GitError: there is no such revision, or no git.
        UnicodeDecodeError: a file was no UTF-8.
    """
    found: dict[str, str] = {}
    for path in paths:
        folder = path if path.is_dir() else path.parent
        git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        inside = "." if path.is_dir() else f"./{path.name}"
        listed = git(folder, "ls-tree", "-r", "-z", "--name-only", revision, "--", inside).decode()
        for name in sorted(filter(None, listed.split("\0"))):
            place = PurePosixPath(name)
            if place.suffix in _ENDINGS and not any(part.startswith(".") for part in place.parts):
                found[str(folder / name)] = git(folder, "show", f"{revision}:./{name}").decode("utf-8-sig")
    return found
