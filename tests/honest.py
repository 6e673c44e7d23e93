'''Ways to the tasks of an exercise set as text, in the grain in which a set's mistakes are written.

    HONEST = ways("""
    cell_state: addcmul
        return torch.addcmul(f * c, i, g)
    run_batch_first(cell, x, state=None): row by row
        ...
    """)
    HONEST["MyLSTMCell"] += [MyCell]

Below a task's name and a word on the way stands the body of a function with the truth's own signature, or with
the one that is given. It sees math, np, torch, nn, F, rnncourse and the names of the module that calls `ways`, and
is one of those: `cell_state_addcmul`. Of a task that asks for values, it is a way as a function and as what that
returns.
'''

import importlib
import inspect
import math
import re
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import rnncourse

SEEN = {"math": math, "np": np, "torch": torch, "nn": nn, "F": F, "rnncourse": rnncourse}
HEADING = re.compile(r"(?P<task>\w+)(?P<signature>\(.*\))?: (?P<words>.+)")


def ways(text):
    """Return the ways of each task of the set that the calling module tests."""
    names = sys._getframe(1).f_globals
    checks = importlib.import_module("rnncourse.checks." + names["__name__"].removeprefix("test_set_"))
    truths = {check.name: check.truth for check in checks.CHECKS}
    found = {task: [] for task in truths}
    names.update(SEEN)
    for entry in re.split(r"\n(?=\w)", text.strip("\n")):
        heading, _, body = entry.partition("\n")
        words = HEADING.fullmatch(heading)
        assert words, f"expected `task: words`, got `{heading}`"
        task, signature = words["task"], words["signature"] or "()"
        if signature == "()" and callable(truths[task]):
            signature = re.sub(r"\w+\.", "", str(inspect.signature(truths[task])))
        name = re.sub(r"\W+", "_", f"{task} {words['words']}")
        exec(compile(f"def {name}{signature}:\n{body}", f"<{heading}>", "exec"), names)
        found[task] += [names[name]] if callable(truths[task]) else [names[name], names[name]()]
    return found
