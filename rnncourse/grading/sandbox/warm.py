"""Warm up a process: import what notebooks import, and run once what is slow the first time."""

from __future__ import annotations

import ctypes
import functools
import gc
import warnings
from pathlib import Path

import torch

import rnncourse
from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.evaluate import evaluate
from rnncourse.checks.framework.use import call, load_and_call
from rnncourse.grading.sandbox.guards import forbid_recordings
from rnncourse.grading.sandbox.runner import hooks_in_child
from rnncourse.grading.sandbox.wire import pack_answers, pack_inputs, unpack_inputs

HUGE = 2**21  # bytes of a huge page
MADV_COLLAPSE = 25  # from the kernel's uapi/asm-generic/mman-common.h; the module mmap does not have it
FIRST_CELL = """
import torch
from torch import nn
import numpy as np
from rnncourse.notebook import setup
setup()
"""


def warm_up() -> None:
    """Import what notebooks import, and run once what is slow the first time."""
    torch.set_num_threads(1)
    hooks_in_child()
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config, colors="NoColor")
    setattr(shell, "showsyntaxerror", lambda *arguments, **named: None)  # noqa: B010 - it is a method
    shell.run_cell(FIRST_CELL)
    inputs = [[{"x": torch.ones(4, 2, 3, dtype=torch.float64)}]]
    x = unpack_inputs(pack_inputs(inputs))[0][0]["x"]
    weights = rnncourse.LSTMCell(3, 5).double().state_dict()
    for learner, use, arguments in (
        (rnncourse.LSTMCell, load_and_call, {"I": 3, "H": 5, "parameters": weights, "x_t": x[0]}),
        (_steps, call, {"x": x, "weights": weights}),
    ):
        (answer,) = evaluate(learner, [Case(arguments, {})], use, frozenset())
        pack_answers([answer])
    shell.reset(new_session=False)
    # torch warns once when an operation is replaced. It must do so here: later, the warning would run the
    # code of a student who has replaced a function of the module `warnings`.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = torch.library.Library("rnncourse_grading", "DEF")
        own.define("nothing() -> ()")
        twice = [torch._C._dispatch_library("IMPL", "rnncourse_grading", "CPU", "grading") for _ in range(2)]
        for library in twice:
            library.impl("nothing", torch._C.DispatchKey.CPU, lambda: None)
    # With this function, which torch 2.6 lacks, a student could save an operation before it is disabled.
    vars(torch._C).pop("_dispatch_get_computed_kernel_for_dispatch_key", None)
    forbid_recordings()


@functools.cache
def warm_up_optimizers() -> None:
    """Make an optimizer: a process's first one imports torch's compiler, which takes two seconds."""
    torch.optim.SGD([torch.zeros(1)])
    freeze()


def freeze() -> None:
    """Make forks cheap: exclude all present objects from garbage collection, which would copy their memory
    in each fork, and gather that memory into huge pages.
    """
    gc.collect()
    gc.freeze()
    use_huge_pages()


def use_huge_pages() -> None:
    """Gather this process's memory into pages of 2 MiB where the system can.

    A fork copies the table of pages, which makes up most of its cost: with huge pages it is far shorter. A
    kernel that cannot gather them (Linux before 6.1) refuses, and forks then cost what they cost before.
    """
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, access, _, _, file, *_ = line.split()
        begin, end = (int(address, 16) for address in addresses.split("-"))
        begin, end = -(-begin // HUGE) * HUGE, end // HUGE * HUGE  # only whole huge pages
        if access == "rw-p" and file == "0" and begin < end:
            madvise(begin, end - begin, MADV_COLLAPSE)


def _steps(x: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """Do what answers do, so that torch's slow first calls are over."""
    h = c = torch.zeros(x.shape[1], 5, dtype=x.dtype)
    w = {name: weight.requires_grad_() for name, weight in weights.items()}
    hs = []
    for x_t in x:
        a = x_t @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]
        i, f, g, o = a.chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        hs.append(h)
    output = torch.stack(hs)
    torch.cat([output.flip(0), output], dim=-1).sum().backward()
    return output.transpose(0, 1).detach()
