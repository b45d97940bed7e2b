"""What a `Conversation` wants done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamkit.client.playback import Part
from streamkit.client.realtime_messages import Message


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to the server."""

    message: Message


@dataclass(frozen=True, slots=True, eq=False)
class Play:
    """Queue sound of a part of a reply, int16 of shape (n,)."""

    part: Part
    samples: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class EndPart:
    """No more sound of this part will come; None: of nothing that is queued."""

    part: Part | None


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """Stop playing now, and tell `Conversation.stopped` what was cut."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the person something."""

    text: str
    warning: bool = False


Effect = Send | Play | EndPart | StopPlayback | Tell
