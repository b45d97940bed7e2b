"""Under which terms weights may be used, and who agreed to them when."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

ACCEPTANCE_FILE: Final = "licence-accepted.json"
"""Beside the weights: that somebody has agreed to their licence."""

AGREED_VARIABLE: Final = "COQUI_TOS_AGREED"
"""Environment variable by which Coqui's own programs are told the same."""


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms of a model's weights.

    Attributes:
        name: short, for tables.
        address: where its text was published.
        essentials: what a person has to know before they download it, a sentence or two; None:
            nothing has to be agreed to.
    """

    name: str
    address: str
    essentials: str | None = None

    @property
    def needs_consent(self) -> bool:
        """It has to be accepted before its weights are downloaded."""
        return self.essentials is not None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """That a licence was accepted on this machine.

    Attributes:
        licence: its short name.
        address: where its text was published.
        accepted_at: date and time in UTC, as in "2026-03-01T12:00:00+00:00".
        by: how: "--accept-license", "COQUI_TOS_AGREED" or "terminal".
    """

    licence: str
    address: str
    accepted_at: str
    by: str


APACHE: Final = Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")

CPML: Final = Licence(
    "CPML, non-commercial",
    "https://coqui.ai/cpml",
    "The weights come under the Coqui Public Model License 1.0.0 (CPML): they, and what they "
    "speak, may be used for non-commercial purposes only, and not where anybody is paid for it, "
    "directly or indirectly; whoever gets the weights or their output from you has to get these "
    "terms too. Its text: https://coqui.ai/cpml, or LICENSE.txt at "
    "https://huggingface.co/coqui/XTTS-v2, which is kept beside the weights.",
)


def agreed_by_environment() -> bool:
    """Tell whether the environment says that Coqui's terms are agreed to."""
    return os.environ.get(AGREED_VARIABLE) == "1"


def record_acceptance(path: Path, licence: Licence, by: str) -> None:
    """Write beside weights that their licence was accepted now.

    Args:
        path: directory of the weights.
        licence: of them.
        by: see `Acceptance.by`.

    Raises:
        OSError: it cannot be written.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    accepted = Acceptance(licence.name, licence.address, now, by)
    (path / ACCEPTANCE_FILE).write_text(json.dumps(asdict(accepted), indent=1) + "\n", "utf-8")


def read_acceptance(path: Path) -> Acceptance | None:
    """What was recorded beside weights; None: nothing, or nothing that can be read."""
    try:
        return Acceptance(**json.loads((path / ACCEPTANCE_FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
