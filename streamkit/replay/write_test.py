"""A test that replays a recorded session, for whoever wants a complaint to stay answered."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from streamkit.errors import ReplayError

TEMPLATE: Final = '''"""A recorded session, replayed; made by `streamkit replay --write-test`."""

from pathlib import Path

from streamkit.replay import replay

SESSION = {source}
# What was said, as it should have been understood: correct it where the recording is wrong.
HEARD = {heard}


def test_{function}() -> None:
    replayed = replay(Path(__file__).parent / SESSION)
    assert replayed.run.heard == HEARD
'''


def write_test(path: Path, source: Path, heard: str) -> None:
    """Write a test with pytest.

    Args:
        path: of the test; it must not be there yet.
        source: the recorded session.
        heard: what is to be understood of it.

    Raises:
        ReplayError: the test cannot be written.
    """
    if path.suffix != ".py":
        raise ReplayError(f"a test is written to a file that ends with .py, and {path} does not")
    name = path.stem.removeprefix("test_")
    function = "".join(each if each.isalnum() else "_" for each in name).lower() or "session"
    folder = os.path.relpath(source.resolve(), path.resolve().parent).replace(os.sep, "/")
    text = TEMPLATE.format(
        function=function,
        heard=json.dumps(heard, ensure_ascii=False),
        source=json.dumps(folder, ensure_ascii=False),
    )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ReplayError(f"{path} is there already; give another name") from error
    except OSError as error:
        raise ReplayError(f"{path} cannot be written: {error.strerror}") from error
