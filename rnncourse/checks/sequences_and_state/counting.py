"""Task 6, parameters: how many numbers are learned, and what T has to do with it."""

from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.predict import predicted
from rnncourse.checks.sequences_and_state.lesson import LESSON, SHARED, UNROLLED

I, H, SHORT, LONG = 3, 5, 10, 1000


def _both(kind: str, of_T) -> dict[str, int]:
    return {f"{kind}_{T}": of_T(T) for T in (SHORT, LONG)}


_right = _both("cell", lambda T: H * I + H * H + H) | _both("window", lambda T: T * I * H + H)

wrong = Mistakes(SHARED)

wrong(
    "weights of its own for each step", "This counts weights for each step apart. How many cells are there?"
)(_both("cell", lambda T: T * (H * I + H * H + H)))
wrong("W_hh left out", "W_hh is missing in it.", UNROLLED)(_both("cell", lambda T: H * I + H))
wrong("b left out", "b is missing in it.")(_both("cell", lambda T: H * I + H * H))
wrong("only the matrix W_ih", "This is W_ih alone.", UNROLLED)(_both("cell", lambda T: H * I))
wrong("only the matrix W_hh", "This is W_hh alone.", UNROLLED)(_both("cell", lambda T: H * H))
wrong("two constants", "This counts two constants, as torch's layer has them. The cell here has one b.")(
    _both("cell", lambda T: H * I + H * H + 2 * H)
)
wrong("W_hh (H, I)", "W_hh is counted with the input's width. What does it multiply?", UNROLLED)(
    _both("cell", lambda T: H * I + H * I + H)
)
wrong("sizes added", "Sizes are added. How many numbers has a matrix (H, I)?", UNROLLED)(
    _both("cell", lambda T: I + H + H)
)
wrong("one number a step", "This counts one number for each step of the window. How many come at each step?")(
    _both("window", lambda T: T * H + H)
)
wrong("window without constants", "The window's five constants are missing: `nn.Linear` has a bias.")(
    _both("window", lambda T: T * I * H)
)
wrong(
    "constants at each step", "The constants are counted at each step. `nn.Linear` has one for each output."
)(_both("window", lambda T: T * (I * H + H)))
wrong("window of one step", "This is a window of one step. T steps lie side by side.")(
    _both("window", lambda T: I * H + H)
)
wrong("a window with a state", "A window has no old state to multiply: no W_hh here.")(
    _both("window", lambda T: T * I * H + H * H + H)
)

parameters = predicted("parameters", LESSON, SHARED, _right, wrong)
