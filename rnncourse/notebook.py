"""What a lesson's first cell does, in one visible call. Importing rnncourse changes nothing global."""

import random
from importlib.metadata import requires, version

from rnncourse.extras import require

require("setup() needs", "matplotlib", "packaging", extra="notebook")

import matplotlib.pyplot as plt
import numpy as np
import torch
from packaging.requirements import Requirement

from rnncourse.layers import LSTM
from rnncourse.plots import STYLE


def setup(seed: int = 0) -> None:
    """Make a notebook's numbers and figures the same each time it runs from the top.

    Seeds Python's, NumPy's and torch's generators with `seed`; gives torch one thread (nets as small as the
    course's run faster so, and threads change a sum's last digits); sets the course's figure style.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    plt.style.use(STYLE)


def check_environment() -> None:
    """Print a line that begins with OK for each of two checks: the packages' versions, and the library.

    Raises:
        RuntimeError: a package's version is not one that the course is made for.
        AssertionError: rnncourse.LSTM does not return the numbers of torch.nn.LSTM.
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
