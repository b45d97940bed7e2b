"""`streamkit devices`: the microphones that `streamkit caption --device` can use."""

from __future__ import annotations


def devices() -> None:
    """List the devices that can record."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from streamkit.client.devices import choose_device, input_devices
    from streamkit_clients.caption_view import printable

    found = input_devices()
    # Says what to do where there is no device at all.
    default = choose_device(found, None)
    table = Table("", "number", "name", "through", "channels", "default rate", box=None)
    for device in found:
        table.add_row(
            "*" if device == default else "",
            str(device.index),
            Text(printable(device.name), overflow="fold"),
            device.host_api,
            str(device.channels),
            f"{device.default_rate} Hz",
        )
    console = Console(highlight=False)
    console.print(table)
    console.print("* is used when --device is not given", style="dim")
