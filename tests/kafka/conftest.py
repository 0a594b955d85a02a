"""The catalogue that topics are made for."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import Catalogue, load_catalogue


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()
