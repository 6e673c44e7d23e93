"""Task 8, memory_weight: a weight found by hand, judged by what the cell does with it."""

import math

import torch
from torch import Tensor

from rnncourse.checks.framework.cases import Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.use import Problem
from rnncourse.checks.sequences_and_state.lesson import ARITHMETIC, LAMP, LESSON, UNROLLED

PAUSE = [0] * 100
BUTTONS = [*PAUSE, -1, *PAUSE, 1, *PAUSE, 1, 0, 0, -1, *PAUSE, -1, 1, -1, 1, *PAUSE]  # 1: on, -1: off
PARTS = ("pressed_on", "pressed_off", "kept_on", "kept_off")


def _lamp(returned: object, arguments: dict) -> list[Tensor]:
    """Is the lamp on, h > 0.5, after each step of h = tanh(w s + u h), from h = 0?

    Where "on" is pressed, where "off" is, and in the pauses after either.
    """
    u = returned.item() if isinstance(returned, Tensor) and returned.numel() == 1 else returned
    if isinstance(u, bool) or not isinstance(u, int | float):
        raise Problem("asked is one number, u.")
    w, h, last = arguments["w"], 0.0, -1
    found: dict[str, list[bool]] = {part: [] for part in PARTS}
    for button in BUTTONS:
        h, last = math.tanh(w * button + u * h), button or last
        found[f"{'pressed' if button else 'kept'}_{'on' if last == 1 else 'off'}"].append(h > 0.5)
    return [torch.tensor(found[part]) for part in PARTS]


def _truth(w):
    return w / 2


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)
    sizes = 4 + numbers(5).abs().cumsum(0)  # each larger than the one before
    return [Case({"w": round(w, 2)}, {"w": round(w, 2)}) for w in sizes.tolist()]


wrong = Mistakes(LAMP)

wrong(
    "no memory",
    "each press is forgotten in the next step: the old state weighs too little to keep the lamp on.",
    ARITHMETIC,
)(lambda w: 0.0)
wrong(
    "it fades",
    "the lamp stays on for a few steps and then fades: tanh makes the state a little smaller each time.",
    UNROLLED,
)(lambda w: 1.0)
wrong(
    "it never gives way",
    "the first press decides for ever: the old state is stronger than any button after it.",
)(lambda w: 2 * w)
wrong(
    "as strong as the button",
    "u is too close to w: a button against the old state leaves h near 0, and the lamp comes on late.",
)(lambda w: w)
wrong(
    "nearly as strong",
    "u is too close to w: a button against the old state wins, but not by enough for h > 0.5 at once.",
)(lambda w: w - 0.5)
wrong("it blinks", "with a negative u the state changes its sign at each step.", ARITHMETIC)(lambda w: -w / 2)
wrong(
    "it blinks and fades",
    "with a negative u the state changes its sign at each step, and at -1 it also fades.",
    ARITHMETIC,
)(lambda w: -1.0)

memory_weight = Check(
    name="memory_weight",
    lesson=LESSON,
    section=LAMP,
    parts=tuple(Part(part, "T", dtype="bool") for part in PARTS),
    criteria=(Criterion("the lamp right after each step", 3),),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    derive=_lamp,
    agree="the lamp",
)
