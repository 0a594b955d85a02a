"""What an evaluation says, for people."""

from __future__ import annotations

from collections.abc import Iterator

from risk_stream.workbench.evaluate.evaluation import CHEAP, NEAR, Evaluation, Quality

__all__ = ["as_text"]


def as_text(said: Evaluation, k: int = 100) -> Iterator[str]:
    """Lines on one model: how much was measured, its figures beside the rival's, what is doubtful."""
    yield f"{said.model}: {said.scored:,} of {said.events:,} events scored, {said.microseconds:.1f} us each"
    if said.quality is None:
        yield f"  {said.known:,} have a known outcome, {said.bad:,} bad: too few of both kinds to say how good it is"
    else:
        yield f"  {said.known:,} have a known outcome, {said.bad:,} bad ({said.bad / said.known:.2%})"
        yield f"  {'':24} {'average precision':>17} {'AUC':>6} {f'precision@{k}':>14} {'calibration error':>18}"
        yield f"  {'this model':24} {_figures(said.quality)}"
        if said.rival is not None:
            yield f"  {'fitted anew every day':24} {_figures(said.rival)}"
            yield f"  {_verdict(said)}"
    for leak in said.suspected:
        yield (
            f"  suspected leak: {leak.input} alone has an AUC of {leak.area:.3f};"
            " see whether it is known when the event comes"
        )
    if said.early:
        yield f"  {said.early:,} outcomes are dated before their events and were refused"
    if said.contradicting:
        yield f"  {said.contradicting:,} outcomes contradict an earlier one of the same event, which counts"


def _figures(quality: Quality) -> str:
    error = "none" if quality.calibration_error is None else f"{quality.calibration_error:.4f}"
    return f"{quality.average_precision:17.3f} {quality.area_under_roc:6.3f} {quality.precision_at:14.3f} {error:>18}"


def _verdict(said: Evaluation) -> str:
    cost = "" if said.rival_microseconds is None else f", which takes {said.rival_microseconds:,.0f} us an event"
    if said.holds_its_own:
        return f"holds its own beside gradient boosting fitted anew every day{cost}"
    return (
        f"does not hold its own beside gradient boosting fitted anew every day{cost}: it is more than {NEAR} of average"
        f" precision behind, or takes more than {CHEAP:.0%} of the time"
    )
