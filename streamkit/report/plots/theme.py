"""How all pictures look, and what becomes of one: SVG for the page, PNG for elsewhere.

The colours are those of Okabe and Ito (Color Universal Design, 2008), which people with any kind
of colour blindness can tell apart; no picture says anything by colour alone.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from streamkit.errors import ConfigurationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH: Final = 10.5
"""Inches of every picture, so that all have letters of one size on the page."""
DOTS: Final = 150
"""Per inch, in PNG."""
FONTS: Final = (
    "DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Arabic",
    "Noto Sans Devanagari", "Noto Sans Thai", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Hiragino Sans", "PingFang SC", "Arial Unicode MS",
)  # fmt: skip
"""The first one comes with matplotlib; of the others, for other scripts, those that are there."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one ground.

    Attributes:
        ground: what one draws on.
        ink: letters.
        soft: less important letters, axes.
        line: grids.
        first: of the first of two traces, and of all that is one thing only.
        second: of the second trace.
        accent: what one is to look at.
        parts: of the parts of a wait, by their keys.
    """

    ground: str
    ink: str
    soft: str
    line: str
    first: str
    second: str
    accent: str
    parts: Mapping[str, str]


def _parts(blue: str, far: str, near: str) -> dict[str, str]:
    """Colours of parts; what happens on the way and at the client is grey."""
    sky, green, orange, yellow, purple = "#56b4e9", "#009e73", "#e69f00", "#f0e442", "#cc79a7"
    return {
        "capture": near, "network": far, "uplink": far, "downlink": far,
        "played": near, "shown": near,
        "endpoint": blue, "final": sky, "first_token": orange, "first_piece": yellow,
        "first_byte": green, "first_audible": purple,
        "vad": sky, "wait": yellow, "decode": orange, "commit": blue, "emit": green,
    }  # fmt: skip


LIGHT: Final = Theme(
    "#ffffff", "#1b232c", "#5b6773", "#e3e7eb", "#0072b2", "#d55e00", "#d55e00",
    _parts("#0072b2", "#6d7883", "#adb5bd"),
)  # fmt: skip
DARK: Final = Theme(
    "#14181d", "#e6eaee", "#a3afba", "#2b333c", "#4aa8e0", "#f08a3c", "#f08a3c",
    _parts("#3a8fd0", "#8b96a1", "#5f6a75"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture.

    Attributes:
        light: SVG on a light ground.
        dark: SVG on a dark ground.
        png: the light one.
    """

    light: bytes
    dark: bytes
    png: bytes


def require_matplotlib() -> None:
    """See that there is something to draw with.

    Raises:
        ConfigurationError: there is not.
    """
    if find_spec("matplotlib") is None:
        raise ConfigurationError(
            "the pictures of the report need matplotlib: pip install 'streamkit[bench]'"
        )


def drawn(draw: Callable[[Theme], Figure]) -> Drawing:
    """Draw a picture on both grounds.

    Args:
        draw: makes the figure; everything that it takes from the theme fits together.
    """
    with _settings(LIGHT):
        figure = draw(LIGHT)
        light = _saved(figure, "svg")
        # Everything has its place now; finding it once more would take as long as drawing.
        figure.set_layout_engine("none")
        png = _saved(figure, "png")
    with _settings(DARK):
        dark = _saved(draw(DARK), "svg")
    return Drawing(light, dark, png)


def _settings(theme: Theme) -> AbstractContextManager[None]:
    import matplotlib
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    settings: Any = {
        "font.family": [name for name in FONTS if name in installed],
        "font.size": 9.5,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 9.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.facecolor": theme.ground,
        "axes.edgecolor": theme.soft,
        "axes.labelcolor": theme.soft,
        "axes.titlecolor": theme.ink,
        "figure.facecolor": theme.ground,
        "grid.color": theme.line,
        "legend.frameon": False,
        "legend.labelcolor": theme.ink,
        "text.color": theme.ink,
        "xtick.color": theme.soft,
        "ytick.color": theme.soft,
        "ytick.labelcolor": theme.ink,
        "hatch.linewidth": 0.6,
        # Letters as shapes: they look the same everywhere, and fit where they were put.
        "svg.fonttype": "path",
        "svg.hashsalt": "streamkit",
        # A dollar sign in somebody's words is one.
        "text.parse_math": False,
    }
    context: AbstractContextManager[None] = matplotlib.rc_context(settings)
    return context


def _saved(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with warnings.catch_warnings():
        # No font has all scripts; a word that cannot be drawn is a box, as elsewhere.
        warnings.filterwarnings("ignore", message="(?s).*(Glyph|glyph)", category=UserWarning)
        figure.savefig(buffer, format=kind, dpi=DOTS, metadata=metadata)
    return buffer.getvalue()


def new_figure(height: float) -> Figure:
    """An empty picture of the usual width; `height` in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def bare(axes: Axes) -> None:
    """Take away what only frames: for bars with names at their left."""
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
