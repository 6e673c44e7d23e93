"""Do what a lesson's first cell needs, in one visible call. Importing rnncourse changes nothing global."""

import base64
import html
import io
import os
import random
from importlib.metadata import requires, version

from rnncourse.extras import require

require("setup() needs", "matplotlib", "packaging", extra="notebook")

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from packaging.requirements import Requirement

from rnncourse.layers import LSTM
from rnncourse.plots import STYLE


def setup(seed: int = 0) -> None:
    """Make a notebook's numbers and figures the same each time it runs from the top.

    It seeds Python's, NumPy's and torch's generators, gives torch one thread (nets as small as the course's
    run faster that way, and threads change the last digits of a sum), and sets the course's figure style. In
    JupyterLab, it gives each figure its alt text.

    Args:
        seed: the seed of all three generators.

    Example:
        >>> rnncourse.notebook.setup(seed=1)
        >>> numbers = torch.rand(3)
        >>> rnncourse.notebook.setup(seed=1)
        >>> torch.equal(torch.rand(3), numbers)
        True
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    plt.style.use(STYLE)
    if "JPY_SESSION_NAME" in os.environ:  # the kernel of a Jupyter server: somebody reads the page
        setattr(Figure, "_repr_html_", image_with_alt)  # noqa: B010 (to mypy, methods are constants)


def image_with_alt(figure: Figure) -> str:
    """Return the figure as an HTML image, with what `rnncourse.plots` says of it as alt text.

    JupyterLab prefers HTML to the PNG, whose renderer ignores alt text, whatever the output's metadata say.
    """
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")  # as IPython makes the PNG
    words = vars(figure).get("alt", "A figure. The text below it says what it shows.")
    source = base64.b64encode(picture.getvalue()).decode()
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{source}">'


def check_environment() -> None:
    """Check the packages' versions and the library, and print a line that begins with OK for each.

    Raises:
        RuntimeError: the course does not support the installed version of a package.
        AssertionError: rnncourse.LSTM does not return the numbers of torch.nn.LSTM.

    Example:
        >>> rnncourse.notebook.check_environment()
        OK  the packages have versions that the course is made for
        OK  rnncourse.LSTM returns the numbers of torch.nn.LSTM
    """
    extras = [{"extra": "plots"}, {"extra": "notebook"}]
    for needed in map(Requirement, requires("rnncourse") or ()):
        if needed.marker is None or any(map(needed.marker.evaluate, extras)):
            found = version(needed.name)
            if not needed.specifier.contains(found, prereleases=True):
                raise RuntimeError(
                    f"{needed.name} {found} is installed; the course needs {needed.name}{needed.specifier}. "
                    "`python course.py lab` installs it."
                )
    print("OK  the packages have versions that the course is made for")

    theirs, ours, x = torch.nn.LSTM(3, 5, num_layers=2), LSTM(3, 5, num_layers=2), torch.randn(7, 4, 3)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(x)[0], theirs(x)[0], rtol=0, atol=1e-6)
    print("OK  rnncourse.LSTM returns the numbers of torch.nn.LSTM")
