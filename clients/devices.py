"""`streamkit devices`: the microphones and loudspeakers that `caption` and `talk` can use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from streamkit.client.devices import Device


def devices() -> None:
    """List the devices that can record, and those that can play."""
    from rich.console import Console

    from streamkit.client.devices import PLAYING, RECORDING, choose_device, list_devices

    microphones, loudspeakers = list_devices(RECORDING), list_devices(PLAYING)
    console = Console(highlight=False)
    if loudspeakers:
        console.print(
            _table("loudspeakers", loudspeakers, choose_device(loudspeakers, None, PLAYING)),
            "* is used when --speaker is not given\n",
            sep="\n",
        )
    # Says what to do where there is no device at all.
    console.print(
        _table("microphones", microphones, choose_device(microphones, None, RECORDING)),
        "* is used when --device is not given",
        sep="\n",
    )


def _table(
    title: str,
    found: Sequence[Device],
    default: Device,
) -> Table:
    from rich.table import Table
    from rich.text import Text

    from streamkit_clients.caption_view import printable

    table = Table("", "number", "name", "through", "channels", "default rate", box=None)
    table.title, table.title_justify = title, "left"
    for device in found:
        table.add_row(
            "*" if device == default else "",
            str(device.index),
            Text(printable(device.name), overflow="fold"),
            device.host_api,
            str(device.channels),
            f"{device.default_rate} Hz",
        )
    return table
