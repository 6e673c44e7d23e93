"""Describe the layout of a recurrent module's call: the axes of all its arguments and results."""

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnncourse.shapes import (
    BATCH,
    Axes,
    Axis,
    input_axes,
    joined_axis,
    output_axes,
    state_axes,
)
from rnncourse.spec import Spec


class Call:
    """The layout of one call or, with input=None, of any call on a batch, whose sizes are then unknown.

    Attributes:
        batch: (("B", B),), or () without a batch.
        T: the number of time steps, None if unknown.
        N: the rows of a packed input's data, None if it is not packed.
    """

    def __init__(self, spec: Spec, input: Tensor | PackedSequence | None = None) -> None:
        self.spec = spec
        self.known = input is not None
        self.batch: Axes = BATCH
        self.T: int | None = None
        self.N: int | None = None
        if isinstance(input, PackedSequence):
            self.batch = (("B", int(input.batch_sizes[0])),)
            self.T, self.N = len(input.batch_sizes), len(input.data)
        elif input is not None:
            batched = input.dim() == len(input_axes(spec))
            names = [name for name, _ in input_axes(spec, BATCH if batched else ())]
            found = dict(zip(names, input.shape, strict=True))
            self.batch = (("B", found["B"]),) if batched else ()
            self.T = found.get("T")

    @property
    def B(self) -> int | None:
        """The size of the batch; None if it is unknown or there is no batch."""
        return self.batch[0][1] if self.batch else None

    @property
    def states_in(self) -> dict[str, Axes]:
        """The axes of the initial states by name."""
        return self._states("_0")

    @property
    def states_out(self) -> dict[str, Axes]:
        """The axes of the final states by name."""
        return self._states("_1" if self.spec.is_cell else "_n")

    def _states(self, ending: str) -> dict[str, Axes]:
        names = [letter + ending for letter in self.spec.states]
        return {name: state_axes(self.spec, name, self.batch) for name in names}

    @property
    def input_axes(self) -> Axes:
        """The axes of the input, or of a packed input's data."""
        if self.N is not None:
            return (("N", self.N), ("I", self.spec.input_size))
        return input_axes(self.spec, self.batch, self.T)

    @property
    def output_axes(self) -> Axes:
        """The axes of the output, or of a packed output's data."""
        if self.N is not None:
            return (("N", self.N), joined_axis(self.spec))
        return output_axes(self.spec, self.batch, self.T)

    @property
    def code(self) -> str:
        """The call as code: output, (h_n, c_n) = lstm(input, (h_0, c_0))."""
        before, after = ", ".join(self.states_in), ", ".join(self.states_out)
        if self.spec.has_cell_state:
            before = f"({before})"
        if self.spec.is_cell:
            return f"{after} = cell(input, {before})"
        if self.spec.has_cell_state:
            after = f"({after})"
        return f"output, {after} = {self.spec.kind.lower()}(input, {before})"

    def reading(self, state_given: bool) -> str:
        """Return a sentence that says how the numbers of the call are read."""
        I, by = self.spec.input_size, ""
        steps = "one step" if self.T == 1 else f"{self.T} steps"
        if self.spec.is_cell:
            what = f"one step of {_count(self.B if self.batch else 1, 'sequence')}"
        elif self.N is not None:
            what = f"{_count(self.B, 'packed sequence')} of up to {steps}"
        elif not self.batch:
            what = f"one sequence of {steps}, without a batch axis"
        else:
            what = f"{_count(self.B, 'sequence')} of {steps}"
            by = f" (batch_first={self.spec.batch_first})"
        start = "from the state given" if state_given else "from a state of zeros"
        each = "one number" if I == 1 else f"{I} numbers"
        return f"This call reads {what}, {each} each{by}, {start}."

    @property
    def legend(self) -> str:
        """The letters of the axes, such as: time T, batch B, input I=10."""
        spec = self.spec
        words: dict[str, Axis] = {"I": ("input", spec.input_size), "H": ("hidden", spec.hidden_size)}
        if not spec.is_cell:
            words = {"T": ("time", self.T)} | ({"B": ("batch", self.B)} if self.batch else {}) | words
            if self.N is not None:
                words["N"] = ("steps of all sequences", self.N)
            if spec.proj_size:
                words["P"] = ("projection", spec.proj_size)
            words |= {
                "L": ("layers", spec.L),
                "D": ("directions", spec.D),
            }
        elif self.batch:
            words = {"B": ("batch", self.B)} | words
        shown = (
            f"{word} {letter}" + f"={size}" * (size is not None) for letter, (word, size) in words.items()
        )
        return ", ".join(shown)


def _count(number: int | None, what: str) -> str:
    return f"one {what}" if number == 1 else f"{number} {what}s"
