"""kill -9, pauses and restarts under load on real servers: what two workers say must be what one would, undisturbed."""

from bench.chaos.command import run

__all__ = ["run"]
