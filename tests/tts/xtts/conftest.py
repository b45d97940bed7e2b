from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def xtts(tiny_xtts: Path) -> Any:
    """The library's own model, made ready as it does that itself."""
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    from streamkit.tts.xtts.checkpoint import quiet

    with quiet():
        config = XttsConfig()
        config.load_json(str(tiny_xtts / "config.json"))
        model = Xtts(config)
        model.load_checkpoint(config, checkpoint_dir=str(tiny_xtts), eval=True)
    return model
