"""One colour for each gate and state everywhere, and matplotlib's settings for every notebook.

The colours are those of Okabe & Ito 2008, "Color universal design", which readers with any of the usual
colour blindnesses can tell apart. Figures have a white ground of their own: they read in a dark theme too.
"""

from typing import Any

# Gates that do the same work share a colour: z keeps the old state as f does, n is the new content as g is.
COLOURS = {
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
    "lines.linewidth": 2,
    "legend.frameon": False,
    "image.cmap": "RdBu_r",
    "image.interpolation": "nearest",
}
