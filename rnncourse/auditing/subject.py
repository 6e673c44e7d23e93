"""The model under audit with what all checks share: the base run, the outputs' axes, the rows' effects."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.inputs import Inputs, Leaf
from rnncourse.auditing.outputs import Layout, find
from rnncourse.auditing.probe import Probe, Run, Where
from rnncourse.auditing.report import Finding
from rnncourse.auditing.tape import Call, Tape


@dataclass
class Subject:
    """The data that the checks read, and the results that they leave for one another.

    exact: whether the batch axis is known; if not, findings that depend on it are questions. checked: the
    kinds that were tested and could have failed. gaps: what could not be checked, and why; skipped: the
    same by kind. cuts: the calls that pass values on but no gradient.
    """

    model: Any
    probe: Probe
    base: Run
    layouts: list[Layout]
    exact: bool
    causal: bool | None
    options: dict[str, Any] = field(default_factory=dict)
    takes_fewer_rows: bool = False
    takes_fewer_steps: bool = True
    gaps: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    cuts: list[Call] = field(default_factory=list)
    loss: tuple[Tensor, Tape] | None = None  # the base run's, if it is a finite number
    nudges: dict[Any, Run] = field(default_factory=dict)
    alone: dict[int, Run] = field(default_factory=dict)  # by leaf: the run that disturbs only this leaf

    @property
    def inputs(self) -> Inputs:
        return self.probe.inputs

    @property
    def B(self) -> int:
        return self.inputs.B

    @property
    def T(self) -> int:
        return self.inputs.T

    def number(self, row: int) -> int:
        """Return a row's index in the batch that the user passed."""
        return self.inputs.ids[row]

    def has(self, *kinds: str) -> bool:
        return any(finding.kind in kinds for finding in self.found)

    def made(self, *kinds: str) -> None:
        """Record that these kinds are tested and can fail on this model."""
        self.checked += [kind for kind in kinds if kind not in self.checked]

    def skip(self, reason: str, *kinds: str) -> None:
        """Record that something was not checked, and why."""
        self.gaps.append(reason)
        self.skipped.update(dict.fromkeys(kinds, reason))

    # ---- outputs

    @cached_property
    def numeric(self) -> list[int]:
        """The outputs that can be compared row by row."""
        return [k for k, layout in enumerate(self.layouts) if layout.has_rows]

    @cached_property
    def learns(self) -> bool:
        """Whether some output is a number rather than a choice such as argmax returns."""
        return any(out.is_floating_point() for out in self.base.outputs)

    @cached_property
    def timed(self) -> list[int]:
        """The numeric outputs with a time axis; those with gradients come first."""
        found = [k for k in self.numeric if self.layouts[k].T is not None]
        return sorted(found, key=lambda k: not self.base.outputs[k].requires_grad)

    @cached_property
    def pooled(self) -> list[int]:
        return [k for k in self.numeric if self.layouts[k].T is None]

    def values(self, run: Run, k: int) -> Tensor:
        """Return output k of a run as (B, T, ·), with 0 wherever a mask put -inf."""
        out = run.outputs[k].detach().cpu()
        if out.is_floating_point():
            out = torch.nan_to_num(out, nan=0.0, posinf=0.0, neginf=0.0)
        layout = self.layouts[k]
        if tuple(out.shape) != layout.shape:
            layout = replace(layout, shape=tuple(out.shape))
        return layout.canonical(out)

    def size(self, k: int) -> float:
        values = self.values(self.base, k)
        return float(values.abs().max()) if values.numel() else 0.0

    def tolerance(self, k: int, shapes_change: bool = False) -> float:
        dtype = self.base.outputs[k].dtype
        if dtype in (torch.bfloat16, torch.float16):
            return 8 * torch.finfo(dtype).eps * self.size(k)
        return (1e-4 if shapes_change else 1e-5) * self.size(k)

    def effect(self, run: Run, k: int, base: Run | None = None) -> Tensor:
        """Return how much output k differs from the base run's: (B, T)."""
        one, other = self.values(run, k), self.values(base or self.base, k)
        if one.shape != other.shape:
            return one.new_full(other.shape[:2], float("inf"))
        if not one.numel():
            return one.new_zeros(one.shape[:2])
        return (one - other).abs().amax(2).double()

    @cached_property
    def owners(self) -> dict[int, int]:
        """For each output with a time axis, the number of the leaf that it follows step by step.

        If several inputs have that many steps, each is shortened separately: a decoder's output follows the
        decoder's input. If the main input alone shortens an output with as many steps, it owns it, whatever
        else does: zip stops at the shortest of its inputs.
        """
        rivals = [
            number
            for number, leaf in enumerate(self.inputs.leaves)
            if leaf.role == "sequence" and number != self.main_number
        ]
        found, followed = dict.fromkeys(self.timed, self.main_number), set[int]()
        for number in (self.main_number, *rivals) if rivals and self.T > 1 else ():
            leaf = self.inputs.leaves[number]
            if leaf.T < 2:
                continue
            changed = self.inputs.with_leaf(number, leaf.shorter(1))
            try:
                outputs = self.probe.run(inputs=changed).outputs
            except Exception:  # inputs that can only be shortened together
                continue
            if len(outputs) != len(self.base.outputs):
                continue
            for k in self.timed:
                now, before = outputs[k].shape, self.base.outputs[k].shape
                if now == before or k in followed:
                    continue
                found[k] = number
                layout = self.layouts[k]
                axis = layout.time if layout.joined is None else layout.joined
                along = axis is not None and len(now) == len(before) and now[axis] != before[axis]
                if number == self.main_number and along and layout.T == self.T:
                    followed.add(k)
        return found

    @cached_property
    def in_step(self) -> list[int]:
        """The outputs with a step for each step of the main input."""
        return [k for k in self.timed if self.layouts[k].T == self.T and self.owners[k] == self.main_number]

    def late_by(self, k: int) -> int | None:
        """Return how many of the first input steps have no step in output k, as after a burn-in.

        All steps after a cut are disturbed, for two cuts: the first output step that changes is that many
        steps earlier. None if unknown.
        """
        T = self.layouts[k].T or 0
        if T == self.T or not 1 < T < self.T or self.owners[k] != self.main_number:
            return 0 if k in self.in_step else None
        found = set()
        for cut in sorted({self.T - T // 2, self.T - 1}):
            changed = (self.effect(self.nudged(cut, late=True), k) > 0).any(0).nonzero()
            found.add(cut - int(changed[0]) if len(changed) else -1)
        return self.T - T if found == {self.T - T} else None

    # ---- runs

    @cached_property
    def row_runs(self) -> list[Run]:
        """One run for each row, with all data of that row disturbed."""
        return [self.disturb(self.rows([row]), hooks=True) for row in range(self.B)]

    def disturb(self, where: Where, **options: Any) -> Run:
        return self.probe.run(where, **options)

    def rows(self, chosen: Sequence[int]) -> Where:
        def where(leaf: Leaf) -> Tensor:
            mask = torch.zeros(self.B, dtype=torch.bool)
            mask[list(chosen)] = True
            return mask[:, None].expand(self.B, leaf.T) if leaf.time is not None else mask

        return where

    def steps(self, mask: Tensor, leaf_number: int | None = None) -> Where:
        """Select these steps, (T,) or (B, T), of all inputs with the main input's steps; or of one leaf."""
        mask = mask.expand(self.B, -1) if mask.dim() == 1 else mask

        def where(leaf: Leaf) -> Tensor | None:
            if leaf_number is not None:
                return mask if leaf is self.inputs.leaves[leaf_number] else None
            return mask if leaf.time is not None and mask.shape[1] == leaf.T else None

        return where

    def padded(self) -> Where:
        """Select the padded steps of all inputs with the main input's lengths."""
        assert self.real is not None
        everywhere = self.steps(~self.real)
        return lambda leaf: everywhere(leaf) if leaf.lengths is None else None

    def matrix(self, k: int) -> Tensor:
        """Return how much row i of output k depends on row j of the inputs: (B, B)."""
        return torch.stack([self.effect(run, k).amax(1) for run in self.row_runs], dim=1)

    def nudged(self, s: int, late: bool, leaf: int | None = None, record: bool = False) -> Run:
        """Return the run in which all steps from s on are disturbed, or with late=False, all before s."""
        key = (s, late, leaf)
        if key not in self.nudges or (record and not self.nudges[key].tape.record):
            T = self.T if leaf is None else self.inputs.leaves[leaf].T
            mask = torch.arange(T) >= s
            run = self.disturb(self.steps(mask if late else ~mask, leaf), record=record)
            self.nudges[key] = run
        return self.nudges[key]

    @cached_property
    def row_story(self) -> Story | None:
        """The base run's calls, and beside them those of one run per row."""
        runs = [self.disturb(self.rows([row]), record=True) for row in range(self.B)]
        return Story.of(self.base.tape, [run.tape for run in runs])

    def story(self, *runs: Run) -> Story | None:
        return Story.of(self.base.tape, [run.tape for run in runs])

    # ---- gradients

    @cached_property
    def weights(self) -> list[Tensor]:
        """Random weights for each output: their sum is the loss if none was passed."""
        generator = torch.Generator().manual_seed(7)
        return [torch.randn(out.shape, generator=generator).to(out.device) for out in self.base.outputs]

    def summed(self, run: Run) -> Tensor | None:
        """Return the weighted sum of all outputs with a gradient; None if there is none."""
        total: Tensor | None = None
        for k, out in enumerate(run.outputs):
            if not out.requires_grad or not out.is_floating_point():
                continue
            weight = self.weights[k].to(out.dtype)
            if weight.shape != out.shape:
                weight = torch.ones_like(out)
            part = (torch.where(torch.isfinite(out), out, 0.0) * weight).sum()
            total = part if total is None else total + part
        return total

    @cached_property
    def graph(self) -> Run:
        """A run in which all inputs are leaves of the graph."""
        return self.probe.run(taps=True, hooks=True)

    @cached_property
    def trained(self) -> Run | None:
        """A recorded run in train mode, if the model can make one with so few rows."""
        try:
            return self.probe.run(train=True, record=True)
        except Exception:  # for example batch normalization of a single row
            return None

    def entry_gradients(self, of: Tensor) -> dict[int, Tensor]:
        """Return for each leaf the squared norm of the gradient at each entry, in its shape."""
        zeros = self.graph.zeros
        if not zeros:
            return {}
        found = self.probe.gradients(of, [zero for _, _, zero in zeros], keep=True)
        squares: dict[int, Tensor] = {}
        for (number, origin, zero), gradient in zip(zeros, found, strict=True):
            value = self.inputs.leaves[number].value
            if gradient is None:
                gradient = torch.zeros_like(zero)
            square = torch.nan_to_num(gradient.double()).square()
            if origin is not None:
                flat = square.reshape(origin.numel(), -1).sum(1)
                known = origin.reshape(-1) >= 0
                sums = flat.new_zeros(value.numel())
                sums.index_add_(0, origin.reshape(-1)[known], flat[known])
                square = sums.view(value.shape)
            squares[number] = squares.get(number, torch.zeros_like(square)) + square
        return squares

    def input_gradients(self, of: Tensor) -> dict[int, Tensor]:
        """Return for each leaf the norm of the gradient at each (row, step): (B, T), or (B,) without time."""
        norms = {}
        for number, square in self.entry_gradients(of).items():
            axes = _axes(self.inputs.leaves[number])
            moved = square.movedim(axes, tuple(range(len(axes))))
            norms[number] = moved.reshape(*moved.shape[: len(axes)], -1).sum(-1).sqrt().cpu()
        return norms

    @cached_property
    def main_number(self) -> int:
        return next(k for k, leaf in enumerate(self.inputs.leaves) if leaf is self.inputs.main)

    # ---- lengths

    @cached_property
    def real(self) -> Tensor | None:
        """Which steps are real, (B, T), if lengths are known."""
        if self.inputs.lengths is None:
            return None
        return torch.arange(self.T) < self.inputs.lengths[:, None]


def feature_weights(canonical: Tensor) -> Tensor:
    """Return weights for the sum over an output's features; if equal, a softmax's gradients would cancel."""
    return (1 + 0.5 * torch.sin(torch.arange(canonical.shape[2]))).to(canonical)


def _axes(leaf: Leaf) -> tuple[int, ...]:
    assert leaf.batch is not None
    return (leaf.batch,) if leaf.time is None else (leaf.batch, leaf.time)


def layouts_of(probe: Probe, base: Run) -> tuple[list[Layout], list[str], bool, bool]:
    """Return the outputs' layouts, the gaps, and whether the model accepted one step, and one row, less."""
    inputs, gaps = probe.inputs, []
    row_less: Sequence[Tensor | None] = []
    step_less: Sequence[Tensor | None] = []
    if inputs.B > 1:
        shorter = inputs.rows(range(inputs.B - 1))
        row_less = _outputs(probe, shorter, len(base.outputs))
        if not row_less:
            gaps.append("the outputs' axes by removing a row (the model refuses, so sizes decide)")
    if inputs.T > 1:
        step_less = _outputs(probe, inputs.shorter(1), len(base.outputs))
        if not step_less and any(leaf.time is not None and leaf.T != inputs.T for leaf in inputs.leaves):
            # another input may have lengths of its own, which stay as they are
            step_less = _outputs(probe, inputs.shorter(1, all_inputs=False), len(base.outputs))
    accepted = bool(step_less)
    layouts = []
    for k, out in enumerate(base.outputs):
        a = tuple(row_less[k].shape) if row_less else None  # type: ignore[union-attr]
        b = tuple(step_less[k].shape) if step_less else None  # type: ignore[union-attr]
        layouts.append(find(tuple(out.shape), a, b, inputs.B, inputs.T))
    return layouts, gaps, accepted, bool(row_less)


def _outputs(probe: Probe, inputs: Inputs, count: int) -> list[Tensor]:
    try:
        found = probe.run(inputs=inputs).outputs
    except Exception:  # whatever a model raises when it gets fewer rows or steps
        return []
    return found if len(found) == count else []


def rows_first(subject: Subject) -> None:
    """Find out whether outputs with one axis of B * T entries have rows first or steps first."""
    for k, layout in enumerate(subject.layouts):
        if layout.joined is None or layout.T == 1:
            continue
        best = {}
        for first in (True, False):
            subject.layouts[k] = replace(layout, rows_first=first)
            matrix = subject.matrix(k)
            best[first] = float(matrix.diagonal().sum() - (matrix - torch.diag(matrix.diagonal())).sum())
        subject.layouts[k] = replace(layout, rows_first=best[True] >= best[False])
