"""What the page is made of below its views and without a browser: run by Node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from streamkit.server.testing import PATIENCE_SECONDS

TESTS = Path(__file__).with_name("core")
MODULES = Path(__file__).resolve().parents[2] / "clients" / "web" / "core"


def test_the_pure_modules(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    # A copy, since older versions of Node take files for modules only where a package.json says so.
    for folder in (TESTS, MODULES):
        shutil.copytree(folder, tmp_path / folder.relative_to(MODULES.parents[2]))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    copies = sorted(str(path) for path in tmp_path.glob("tests/**/*.test.js"))
    assert copies
    done = subprocess.run(
        [node, "--test", *copies], capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
