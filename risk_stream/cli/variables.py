"""Settings that are misspelt in the environment, which nothing else would notice."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["unknown_variables"]

#: Variables of that name that are no settings: what a process is handed, who acts, and those of tests and compose.
_OTHERS = {"CHILD", "TOKEN", "DATA", "REQUIRE_LIVE", "KAFKA_JARS", "PROFILE_EVENTS"}
#: What Kubernetes puts into every pod beside a service called risk-stream.
_KUBERNETES = re.compile(r"(\w+_)?(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_(TCP|UDP)\w*)")


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each RISK_STREAM_ variable that is no setting: mostly a misspelt one, which counts for nothing."""
    from risk_stream.settings import Settings, secret_names

    known = {name.upper() for name in Settings.model_fields}
    known |= {f"{name.upper()}_FILE" for name in secret_names()}
    said = []
    for variable in sorted(environment):
        name = variable.removeprefix("RISK_STREAM_")
        if name == variable or name in known or name in _OTHERS:
            continue
        if _KUBERNETES.fullmatch(name) or environment[variable].startswith(("tcp://", "udp://")):
            continue
        from risk_stream.catalogue import suggest  # seldom needed, and slow to import

        near = suggest(name, sorted(known))
        more = f"; did you mean RISK_STREAM_{near}?" if near else "; docs/operations.md lists them"
        said.append(f"{variable} is no setting and changes nothing{more}")
    return said
