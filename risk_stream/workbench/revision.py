"""Rule files as they were at a revision of git, for whoever compares them with those of now."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["GitError", "Listed", "contents", "files_at", "git", "texts_at"]

#: How long git may take, s.
PATIENCE = 30.0
_ENDINGS = (".yaml", ".yml")
_PLAIN_FILE = ("100644", "100755")
#: Blobs that git is asked for at once.
_AT_ONCE = 200


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
        raise GitError("git is not installed here: install it, or name a folder") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git did not answer within {PATIENCE:.0f} s in {folder}: run it again") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(f"git: {said[0] if said else 'it failed without a word'}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Listed:
    """A rule file as git knows it: its name from the folder that was asked on, its content's id, and bytes."""

    name: str
    blob: str
    size: int


def files_at(folder: Path, commit: str, inside: Sequence[str]) -> Iterator[Listed]:
    """The rule files below some paths of a folder at a commit; what is hidden or linked is none of them.

    Raises:
        GitError: there is no git, or no such commit.
    """
    asked = ("--literal-pathspecs", "ls-tree", "-r", "-z", "-l", commit, "--", *inside)
    for line in filter(None, git(folder, *asked).decode(errors="replace").split("\0")):
        facts, _, name = line.partition("\t")
        mode, _, blob, size = facts.split()
        hidden = any(part.startswith(".") for part in name.split("/"))
        if mode in _PLAIN_FILE and name.endswith(_ENDINGS) and not hidden:
            yield Listed(name, blob, int(size))


def contents(folder: Path, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """What blobs of a repository hold, in their order; git is asked for some hundred at once.

    Raises:
        GitError: there is no git.
    """
    for first in range(0, len(blobs), _AT_ONCE):
        asked = blobs[first : first + _AT_ONCE]
        said = git(folder, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in asked).encode())
        at = 0
        for blob in asked:
            head_end = said.index(b"\n", at)
            size = int(said[at:head_end].split()[2])
            yield blob, said[head_end + 1 : head_end + 1 + size]
            at = head_end + size + 2


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
        asked = git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        inside = "." if path.is_dir() else path.name
        listed = list(files_at(folder, asked.decode().split()[-1], [inside]))
        held = dict(contents(folder, [file.blob for file in listed]))
        found |= {str(folder / file.name): held[file.blob].decode("utf-8-sig") for file in listed}
    return found
