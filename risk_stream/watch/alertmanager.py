"""One Alertmanager, spoken to by its API v2: alerts are posted, silences are made, listed and ended."""

from __future__ import annotations

from typing import Any

import aiohttp

from risk_stream.watch.board import silence_told

__all__ = ["Alertmanager", "AlertmanagerError"]

#: An Alertmanager that has not answered after so long is away, s.
PATIENCE = 10.0

#: Alerts in one request: some 500 bytes each.
STEP = 1_000


class AlertmanagerError(Exception):
    """Raised when an Alertmanager does not do what it was asked; one sentence that says which and why."""


class Alertmanager:
    """`url` is its address, without a path of the API; `async with` it."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Alertmanager:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, alerts: list[dict[str, Any]]) -> None:
        """Tell it of alerts: those whose end is to come are active, the others resolved. Raises `AlertmanagerError`."""
        for begin in range(0, len(alerts), STEP):
            await self._ask("POST", "alerts", alerts[begin : begin + STEP])

    async def silences(self, house: str) -> dict[str, list[str]]:
        """Of a house's silences that are not over, its ids of each: several where two were made in one moment.

        Raises `AlertmanagerError`.
        """
        found: dict[str, list[str]] = {}
        for one in await self._ask("GET", "silences"):
            ours = silence_told(one["comment"], house)
            if ours is not None and one["status"]["state"] != "expired":
                found.setdefault(ours, []).append(one["id"])
        return found

    async def silence(self, silence: dict[str, Any]) -> None:
        """Make a silence. Raises `AlertmanagerError`."""
        await self._ask("POST", "silences", silence)

    async def unsilence(self, id: str) -> None:
        """End a silence, by its own id of it. Raises `AlertmanagerError`."""
        await self._ask("DELETE", f"silence/{id}")

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        assert self._session is not None, "async with it first"
        try:
            async with self._session.request(method, f"{self.url}/api/v2/{path}", json=body) as answer:
                if answer.status >= 400:
                    why = (await answer.text())[:200].strip()
                    raise AlertmanagerError(
                        f"the Alertmanager at {self.url} answers {answer.status} ({why}): is"
                        " RISK_STREAM_ALERTMANAGER right?"
                    )
                return await answer.json() if method == "GET" else None
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            why = str(exc) or f"no answer within {PATIENCE:g} s"
            raise AlertmanagerError(
                f"the Alertmanager at {self.url} does not answer ({why}): start it, or set RISK_STREAM_ALERTMANAGER"
            ) from exc
