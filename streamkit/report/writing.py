"""Writes a report into a folder: the page, and its pictures as files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from streamkit.errors import ConfigurationError
from streamkit.report.compose import Report
from streamkit.report.page import render

PAGE_NAME: Final = "latency.html"


def write(report: Report, folder: Path) -> list[Path]:
    """Write a report.

    Args:
        report: to write.
        folder: is made if it is not there; files of earlier reports are replaced.

    Returns:
        The files: the page first.

    Raises:
        ConfigurationError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = {folder / PAGE_NAME: render(report.page).encode()}
        files |= {folder / f"{name}.png": each.png for name, each in report.pictures.items()}
        for path, content in files.items():
            # Whole or not at all: whoever has the old page open reloads one or the other.
            fresh = path.with_name(f"{path.name}.part")
            fresh.write_bytes(content)
            fresh.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"the report cannot be written to {folder}: {error.strerror or error}; name another "
            "folder with --out"
        ) from error
    return list(files)
