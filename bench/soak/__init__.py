"""A house at work for long, with faults: memory, files and tasks stay as they were, and no alert is lost or doubled."""

from bench.soak.command import run

__all__ = ["run"]
