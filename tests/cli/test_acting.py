"""What commands that act for a person say before they ask anybody."""

from __future__ import annotations

import pytest

from risk_stream.alerts import MOST_ACT_BYTES, Act
from risk_stream.cli.acting import ruled
from risk_stream.cli.output import CommandError
from risk_stream.settings import Settings


def test_an_act_that_no_desk_takes_is_refused_before_it_is_sent() -> None:
    """Nobody would decide it, and ten seconds later a desk would be blamed that runs."""
    act = Act(id="a", act="comment", by="wang", at=0, alerts=["x"], comment="风" * (MOST_ACT_BYTES // 3))
    with pytest.raises(CommandError, match=r"^It has 300,\d\d\d bytes, and an act 300,000 at most: name fewer alerts"):
        ruled(Settings(broker="127.0.0.1:1"), act)
