"""The instructions for spoken replies."""

from __future__ import annotations

from streamkit.llm.prompt import SPOKEN_STYLE, join_instructions
from streamkit.llm.tokens import estimate_tokens


def test_the_style_alone() -> None:
    assert join_instructions() == join_instructions(" \n") == SPOKEN_STYLE


def test_the_client_comes_last_and_goes_first() -> None:
    joined = join_instructions("  Talk like a pirate.\n")
    assert joined.startswith(SPOKEN_STYLE)
    assert joined.endswith("before all of the above where they differ:\nTalk like a pirate.")


def test_the_client_alone() -> None:
    assert join_instructions("Talk.", style="") == "Talk."
    assert join_instructions("", style=" ") == ""


def test_it_leaves_a_small_model_its_room() -> None:
    assert estimate_tokens(SPOKEN_STYLE) < 600
