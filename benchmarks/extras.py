"""What the benchmarks import beyond streamkit's own needs, asked for before minutes have passed."""

from __future__ import annotations

from importlib.util import find_spec

from streamkit.errors import ConfigurationError


def require(packages: dict[str, str]) -> None:
    """See that packages are installed.

    Args:
        packages: name, and what can be done without it (empty: nothing).

    Raises:
        ConfigurationError: one is missing; the message says how to get it.
    """
    for name, otherwise in packages.items():
        if find_spec(name) is None:
            raise ConfigurationError(
                f"the benchmark needs {name}: pip install 'streamkit[bench]'{otherwise}"
            )
