"""Installs peers: `python -m streamkit_benchmarks.peers install NAME`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from streamkit_benchmarks.peers import PEERS, RECIPES, environments
from streamkit_benchmarks.systems import System, UnavailableError


def installed(peer: System) -> str:
    """Which version of it, or why none."""
    try:
        return peer.version()
    except UnavailableError as error:
        return str(error)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m streamkit_benchmarks.peers")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="tell which peers are installed")
    install = commands.add_parser("install", help="make the environment of a peer anew")
    install.add_argument("name", choices=sorted(RECIPES))
    install.add_argument("--source", type=Path, help="a clone, for a peer that no registry has")
    install.add_argument("--python", default=sys.executable, help="which Python it gets")
    parser.epilog = "What stands behind -- is given to pip as it is."
    arguments = [*sys.argv[1:], "--"]
    end = arguments.index("--")
    chosen = parser.parse_args(arguments[:end])
    if chosen.command == "list":
        for peer in PEERS:
            print(f"{peer.name}: {installed(peer)}")
        return 0
    try:
        version = environments.install(
            RECIPES[chosen.name],
            clone=chosen.source,
            base=chosen.python,
            pip_arguments=arguments[end + 1 : -1],
        )
    except environments.InstallationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{chosen.name} {version} is in {environments.folder(RECIPES[chosen.name])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
