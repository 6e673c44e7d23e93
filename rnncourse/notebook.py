"""What a lesson's first cell does, in one visible call. Importing rnncourse changes nothing global."""

import random

from rnncourse.extras import require

require("setup() needs", "matplotlib", extra="notebook")

import matplotlib.pyplot as plt
import numpy as np
import torch

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
