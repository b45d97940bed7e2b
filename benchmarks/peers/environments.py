"""Where the peers live: one virtual environment each, under one folder.

Peers pin other versions of the very packages that streamkit uses, so none of them shares an
environment with it or with another peer. The folder is `STREAMKIT_PEERS`, else `peers` in
streamkit's own cache folder; in it, each peer has a folder with

    venv/            its packages
    source/          its code, for a peer that no package registry has
    installed.json   what is installed; written last, so a broken installation has none

`install` makes one. The versions in `requirements/` were seen to work together on Linux with
Python 3.11. They contain torch, which is only needed for voice activity detectors: its CPU build
is enough, and which one pip gets depends on pip's own configuration (`PIP_EXTRA_INDEX_URL`, say).
A CUDA build works as well, since the benchmark hides all GPUs from the peers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from streamkit_benchmarks.systems import UnavailableError

VARIABLE = "STREAMKIT_PEERS"
REQUIREMENTS = Path(__file__).with_name("requirements")
LAUNCHERS = Path(__file__).with_name("launchers")


class InstallationError(Exception):
    """A peer could not be installed; the text says why."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one peer is installed.

    Attributes:
        name: of its folder, and of its file in `requirements/`.
        distribution: name and version at the package registry, such as "peer==1.0"; empty for a
            peer that is only to be had as source.
        alone: install the distribution without what it depends on; the requirements then hold
            what its server really imports.
        marker: a file that its source folder must hold; empty for a peer from the registry.
    """

    name: str
    distribution: str = ""
    alone: bool = False
    marker: str = ""


def root() -> Path:
    """The folder of all peers, which need not exist."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_cache_path("streamkit") / "peers"


def folder(recipe: Recipe) -> Path:
    """The folder of one peer, which need not exist."""
    return root() / recipe.name


def source(recipe: Recipe) -> Path:
    """Where its source was copied to."""
    return folder(recipe) / "source"


def python(recipe: Recipe) -> Path:
    """The interpreter of its virtual environment."""
    return folder(recipe) / "venv" / "bin" / "python"


def version(recipe: Recipe) -> str:
    """What is installed, as `install` noted it.

    Raises:
        UnavailableError: nothing is, or not all of it.
    """
    try:
        note = json.loads((folder(recipe) / "installed.json").read_text("utf-8"))
    except FileNotFoundError:
        wanted = " --source FOLDER" if recipe.marker else ""
        raise UnavailableError(
            f"{recipe.name} is not installed in {root()} ({VARIABLE} names another folder); "
            f"`python -m streamkit_benchmarks.peers install {recipe.name}{wanted}` installs it"
        ) from None
    return str(note["version"])


def install(
    recipe: Recipe,
    *,
    clone: Path | None = None,
    base: str = sys.executable,
    pip_arguments: Sequence[str] = (),
) -> str:
    """Make a peer's environment anew; what was there before is removed.

    Args:
        recipe: of the peer.
        clone: a checkout of its repository, for a peer that needs one; it is copied.
        base: the Python that the environment is made from.
        pip_arguments: given to each `pip install`, as they are.

    Returns:
        The version that was installed.

    Raises:
        InstallationError: it failed.
    """
    if bool(recipe.marker) != (clone is not None):
        raise InstallationError(
            f"{recipe.name} is installed from a clone of its repository: name it with --source"
            if recipe.marker
            else f"{recipe.name} comes from the package registry; --source has no meaning for it"
        )
    if clone is not None and not (clone / recipe.marker).is_file():
        raise InstallationError(f"there is no {recipe.marker} in {clone}")
    shutil.rmtree(folder(recipe), ignore_errors=True)
    folder(recipe).mkdir(parents=True)
    _run(base, "-m", "venv", str(folder(recipe) / "venv"))
    pip = (str(python(recipe)), "-m", "pip", "install", *pip_arguments)
    _run(*pip, "--requirement", str(REQUIREMENTS / f"{recipe.name}.txt"))
    if recipe.distribution:
        _run(*pip, *(["--no-deps"] if recipe.alone else []), recipe.distribution)
        installed = recipe.distribution.partition("==")[2]
    if clone is not None:
        installed = _commit(clone)
        shutil.copytree(clone, source(recipe), ignore=shutil.ignore_patterns(".git"))
    note = json.dumps({"version": installed})
    (folder(recipe) / "installed.json").write_text(note, "utf-8")
    return installed


def _commit(clone: Path) -> str:
    """Which commit a checkout is of, and whether it was changed since."""
    git = ["git", "-C", str(clone), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown commit"


def _run(*command: str) -> None:
    # What pip says goes to the terminal: it may take minutes.
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise InstallationError(str(error)) from error
