"""One colour for each gate and state everywhere, and matplotlib's settings for every notebook.

The colours are those of Okabe & Ito 2008, "Color universal design", which readers with any common form of
colour blindness can distinguish. Figures have a white background of their own, so they are readable in a dark
theme too.
"""

from typing import Any

from matplotlib.rcsetup import cycler

# Gates that do the same work share a colour: z keeps the old state as f does, n is the new content as g is.
COLORS = {
    "i": "#0072B2",
    "f": "#D55E00",
    "g": "#009E73",
    "o": "#E69F00",
    "c": "#000000",
    "h": "#CC79A7",
    "r": "#56B4E9",
    "z": "#D55E00",
    "n": "#009E73",
    "x": "#7F7F7F",
}


def sequence_color(b: int) -> str:
    """Return the colour of sequence b of a batch. After seven they repeat: cells show the number too."""
    return COLORS["ioghrfx"[b % 7]]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, "#RRGGBB" each, by WCAG 2: from 1 to 21, black on white."""

    def luminance(color: str) -> float:
        parts = (int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))
        linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def for_line(color: str) -> str:
    """Darken a colour until a thin line of it is easy to see on white: to a contrast of 3."""
    parts = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
    for share in range(100, 0, -1):
        darker = "#" + "".join(f"{round(part * share / 100):02X}" for part in parts)
        if contrast(darker, "#FFFFFF") >= 3:
            break
    return darker


# The same colours for thin lines on white; two are darker. Fills use the ones above.
LINE_COLORS = {name: for_line(color) for name, color in COLORS.items()}

# matplotlib's rcParams for every notebook: figures at most 1000 pixels wide.
STYLE: dict[str, Any] = {
    "figure.figsize": (7.0, 3.0),
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "axes.prop_cycle": cycler(color=[LINE_COLORS[name] for name in "ifghox"]),  # of a plot without colours
    "lines.linewidth": 2,
    "legend.frameon": False,
    "image.cmap": "RdBu_r",
    "image.interpolation": "nearest",
}
