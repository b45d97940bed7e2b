"""When stages were passed, as a trace tells it: also those that cost nothing."""

from __future__ import annotations

from streamkit.latency.turn import TurnStage, TurnTrace


def test_stages_are_told_in_their_order_with_those_that_were_early() -> None:
    trace = TurnTrace(10.0, 10.5)
    assert trace.stages == {}
    trace.mark(TurnStage.FIRST_TOKEN, 10.2)
    trace.mark(TurnStage.ENDPOINT, 10.3)
    trace.mark(TurnStage.ENDPOINT, 10.9)
    assert list(trace.stages.items()) == [
        (TurnStage.ENDPOINT, 10.3),
        (TurnStage.FIRST_TOKEN, 10.2),
    ]
    assert trace.parts()[TurnStage.FIRST_TOKEN] == 0
