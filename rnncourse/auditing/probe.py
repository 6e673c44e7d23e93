"""Controlled runs of the model: the same initial state, some inputs disturbed, gradients if needed."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnncourse.auditing.evidence import is_flags
from rnncourse.auditing.inputs import Inputs, Leaf
from rnncourse.auditing.tape import Place, Tape, spread_of, where_from
from rnncourse.auditing.tape import copy as copy_of
from rnncourse.auditing.tokens import flat
from rnncourse.auditing.trees import replace_leaves, tensors_in
from rnncourse.auditing.untouched import Saved, generators_restored, seed_all
from rnncourse.spec import Cell, Recurrent

Where = Callable[[Leaf], Tensor | None]  # (B, T) or (B,): which entries of a leaf to disturb


@dataclass
class RecurrentCall:
    """A call of an RNN, LSTM, GRU or cell."""

    name: str
    module: nn.Module
    place: Place | None
    input: Tensor
    packed: bool
    state: list[Tensor]  # hx: h_0, or h_0 and c_0
    output: Tensor | None  # None for a cell
    ends: list[Tensor]  # h_n, or h_n and c_n
    given: Tensor = field(default_factory=lambda: torch.empty(0))  # the input's values at the call
    state_values: list[Tensor] = field(default_factory=list)
    batch_sizes: Tensor | None = None  # of a packed output


@dataclass
class Run:
    returned: Any
    outputs: list[Tensor]
    tape: Tape
    recurrent: list[RecurrentCall]
    zeros: list[tuple[int, Tensor | None, Tensor]]  # leaf, origin, the tensor whose gradient is computed
    given: list[Any] = field(default_factory=list)  # the inputs, leaf by leaf
    own: list[RecurrentCall] = field(default_factory=list)  # calls (x, states) -> states of the user's cells


class Probe:
    """The model under audit, and the means to run it."""

    def __init__(
        self,
        model: Any,
        call: Callable[..., Any] | None,
        inputs: Inputs,
        loss: Callable[..., Any] | None,
    ) -> None:
        self.model, self.inputs, self.loss = model, inputs, loss
        self._call = call or (lambda model, *args, **kwargs: model(*args, **kwargs))
        self.has_call = call is not None
        self.saved = Saved(model)
        self.forwards = self.backwards = 0
        self.amount = 0.5  # noise, relative to the input's standard deviation
        self.modules = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
        self.names = {id(module): name or type(module).__name__ for name, module in self.modules.items()}
        self.recurrent = {
            name: module
            for name, module in self.modules.items()
            if isinstance(module, Recurrent) and not isinstance(module, torch.jit.ScriptModule)
        }
        self.embedded: set[int] = set()  # leaves whose tokens reach an embedding
        self.coded: set[int] = set()  # those of which some tokens reach it only as other numbers
        self.target_given: Any = None  # the copy that the loss got last

    def run(
        self,
        where: Where | None = None,
        inputs: Inputs | None = None,
        *,
        values: dict[int, Tensor] | None = None,
        seed: int = 0,
        train: bool = False,
        record: bool = False,
        taps: bool = False,
        restore: bool = True,
        scale: float = 1.0,
        hooks: bool = False,
        exchange: bool = False,
        moved: int | None = None,
        fixed: dict[int, Tensor] | None = None,
    ) -> Run:
        """Call the model once.

        where: the entries to disturb, by leaf. values: other values for some leaves, by number. taps: make
        the inputs leaves of the graph. record: save every torch call. hooks: save only the recurrent calls.
        restore: start from the saved state. scale: scale of the disturbance. exchange: replace tokens by
        other tokens instead of adding noise to their embeddings. moved: the index of a call whose result
        is changed. fixed: results by the indices of their calls, which they replace.
        """
        inputs = inputs or self.inputs
        if restore:
            self.saved.restore()
        self._set_mode(train)
        built, zeros = self._values(inputs, where, values or {}, taps, scale, exchange)
        noise = self._noise_on_embeddings(inputs, where, scale) if where and not exchange else None
        tape = Tape(self.names, record, taps, noise, moved, fixed)
        calls: list[RecurrentCall] = []
        own: list[RecurrentCall] = []
        args, kwargs = inputs.build(built)
        given = [
            value.data if isinstance(value, PackedSequence) else value for value in _leaves(args, kwargs)
        ]
        tape.tokens.follow(
            [
                (number, value)
                for number, (leaf, value) in enumerate(zip(inputs.leaves, given, strict=True))
                if leaf.role == "sequence"
                and not leaf.floating
                and not leaf.packed
                and isinstance(value, Tensor)
            ]
        )
        seed_all(seed)
        self.forwards += 1
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(torch.enable_grad())
            if not train:  # cuDNN can't run a backward pass in eval
                stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            if hooks or record:
                stack.enter_context(self._watched(tape, calls))
            if record:
                stack.enter_context(self._own_cells_watched(own))
            if record or tape.tokens:
                stack.enter_context(tape)
            returned = self._call(self.model, *args, **kwargs)
        self.embedded |= tape.embedded
        self.coded |= tape.coded & tape.embedded
        zeros += [(tap.leaf, tap.origin, tap.zero) for tap in tape.taps if tap.zero is not None]
        return Run(returned, list(tensors_in(returned)), tape, calls, zeros, given, own)

    def own_outputs(self) -> list[Tensor]:
        """Return what the model's forward returns in train mode, of which the user's `call` may drop some."""
        found: list[Tensor] = []

        def keep(module: nn.Module, args: Any, result: Any) -> None:
            found.extend(tensors_in(result))

        handle = self.model.register_forward_hook(keep)
        try:
            self.run(train=True)
        finally:
            handle.remove()
        return found

    def parameters_and_buffers(self) -> list[Tensor]:
        """Return all tensors that the model keeps."""
        modules = self.modules.values()
        return [t for m in modules for t in (*m._parameters.values(), *m._buffers.values()) if t is not None]

    def loss_of(self, returned: Any, target: Any, record: bool = False) -> tuple[Tensor, Tape]:
        """Return the loss for the model's outputs, and the tape of its calls."""
        assert self.loss is not None
        tape = Tape(self.names, record)
        self.target_given = replace_leaves(target, lambda path, value: copied(value))
        seed_all(0)
        with tape, torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loss = self.loss(returned) if target is None else self.loss(returned, self.target_given)
        if isinstance(loss, tuple):
            loss = loss[0]
        return loss, tape

    def gradients(self, of: Tensor, wanted: list[Tensor], keep: bool = False) -> list[Tensor | None]:
        self.backwards += 1
        with torch.backends.cudnn.flags(enabled=False), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.autograd.grad(of, wanted, allow_unused=True, retain_graph=keep)
        return list(found)

    # ---- disturbances

    def _values(
        self,
        inputs: Inputs,
        where: Where | None,
        values: dict[int, Tensor],
        taps: bool,
        scale: float,
        exchange: bool,
    ) -> tuple[list[Any], list[tuple[int, Tensor | None, Tensor]]]:
        built = inputs.values()
        zeros: list[tuple[int, Tensor | None, Tensor]] = []
        for number, leaf in enumerate(inputs.leaves):
            if number in values:
                built[number] = values[number].clone()
            mask = where(leaf) if where and leaf.disturbed else None
            if mask is not None and bool(mask.any()):
                if leaf.floating:
                    built[number] = built[number] + scale * self.noise(number, leaf) * spread(leaf, mask)
                elif exchange or number not in self.embedded:
                    built[number] = torch.where(spread(leaf, mask).bool(), others(leaf), built[number])
            # not a mask of floats: models change it in place, which a leaf of the graph does not allow
            learns = leaf.disturbed and leaf.floating and (leaf is inputs.main or not is_flags(leaf.value))
            if taps and learns:
                zero = torch.zeros_like(built[number], requires_grad=True)
                built[number] = built[number] + zero
                zeros.append((number, None, zero))
        return built, zeros

    def noise(self, number: int, leaf: Leaf) -> Tensor:
        """Return noise for a leaf, the same in each run; a shortened leaf gets the part that fits."""
        generator = torch.Generator().manual_seed(1000 + number)
        full = self.inputs.leaves[number].value
        shape = [max(a, b) for a, b in zip(full.shape, leaf.value.shape, strict=True)]
        noise = torch.randn(shape, generator=generator)
        noise = noise[tuple(slice(size) for size in leaf.value.shape)]
        return (noise * self.amount * spread_of(full)).to(leaf.value)

    def noise_on(
        self, number: int, leaf: Leaf, mask: Tensor, origin: Tensor, output: Tensor, size: float
    ) -> Tensor:
        """Return noise for an embedding's output, the same for a token wherever it is embedded."""
        generator = torch.Generator().manual_seed(2000 + number)
        table = torch.randn(leaf.value.numel(), output.shape[-1], generator=generator)
        entries = spread(leaf, mask).reshape(-1, 1)
        table = (table * self.amount * size).to(output) * entries.to(output)
        table = torch.cat(
            [table, table.new_zeros(1, table.shape[1])]
        )  # the last row is for entries that are not tokens
        return table[origin]

    def _noise_on_embeddings(
        self, inputs: Inputs, where: Where, scale: float
    ) -> Callable[[int, Tensor, Tensor], Tensor | None]:
        def noise(number: int, origin: Tensor, output: Tensor) -> Tensor | None:
            leaf = inputs.leaves[number]
            mask = where(leaf)
            if mask is None or not bool(mask.any()):
                return None
            return self.noise_on(number, leaf, mask, origin, output, spread_of(output) * scale)

        return noise

    # ---- the model during a run

    def _set_mode(self, train: bool) -> None:
        """Set eval everywhere, or train except in modules that were in eval inside a model in train mode."""
        whole = not (isinstance(self.model, nn.Module) and self.saved.modes[0])
        for module, mode in zip(self.saved.modules, self.saved.modes, strict=True):
            module.training = train and (mode or whole)

    @contextmanager
    def _watched(self, tape: Tape, calls: list[RecurrentCall]) -> Iterator[None]:
        handles = []
        waiting: list[tuple[list[Tensor], list[Tensor]]] = []

        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            tape.quiet += 1
            if tape.quiet == 1:
                ins = list(flat((args, kwargs)))
                waiting.append((ins, [copy_of(t) for t in ins]))

        def after(module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            if tape.quiet > 1:
                tape.quiet -= 1
                return
            name = self.names[id(module)]
            ins, values = waiting.pop()
            label = f"{type(module).__name__} {name!r}" if name in self.modules else type(module).__name__
            tape.module_called(label, name, ins, values, list(flat(result)))
            calls.append(_recurrent(name, module, args, kwargs, result, values))
            calls[-1].place = where_from(self.names)[0]
            tape.quiet -= 1

        for module in self.recurrent.values():
            handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
            handles.append(module.register_forward_hook(after, with_kwargs=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def _own_cells_watched(self, calls: list[RecurrentCall]) -> Iterator[None]:
        """Save the calls (x, states...) -> (states...) of modules that the user wrote."""

        def after(module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            tensors = list(flat((args, kwargs)))
            states = tensors[1:]
            ends = list(flat(result))[-len(states) :]
            if states and [s.shape for s in states] == [e.shape for e in ends]:
                name, place = self.names[id(module)], where_from(self.names)[0]
                values = [copy_of(state) for state in states]
                x = tensors[0]
                calls.append(
                    RecurrentCall(name, module, place, x, False, states, None, ends, copy_of(x), values)
                )

        handles = [
            module.register_forward_hook(after, with_kwargs=True)
            for name, module in self.modules.items()
            if name and not type(module).__module__.startswith(("torch.", "rnncourse."))
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Restore the model and the random generators at the end of the block."""
        with generators_restored():
            try:
                yield
            finally:
                self.saved.restore()


def _recurrent(
    name: str, module: nn.Module, args: Any, kwargs: Any, result: Any, values: list[Tensor]
) -> RecurrentCall:
    given = args[0] if args else kwargs.get("input")
    hx = args[1] if len(args) > 1 else kwargs.get("hx")
    packed = isinstance(given, PackedSequence)
    tensor = given.data if packed else given
    if isinstance(module, Cell):
        output, ends = None, list(flat(result))
    else:
        output = result[0].data if isinstance(result[0], PackedSequence) else result[0]
        ends = list(flat(result[1]))
    state = list(flat(hx))
    sizes = given.batch_sizes if isinstance(given, PackedSequence) else None
    return RecurrentCall(
        name, module, None, tensor, packed, state, output, ends, values[0], values[1 : 1 + len(state)], sizes
    )


def copied(value: Any) -> Any:
    """Return a copy of a tensor, so that in-place changes do not reach the caller's tensor."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def _leaves(args: Any, kwargs: Any) -> list[Any]:
    found: list[Any] = []
    replace_leaves((args, kwargs), lambda path, value: found.append(value))
    return found


def spread(leaf: Leaf, mask: Tensor) -> Tensor:
    """Return a mask (B, T) or (B,) expanded to the shape of the leaf."""
    value = leaf.value
    shape = [1] * value.dim()
    assert leaf.batch is not None
    shape[leaf.batch] = value.shape[leaf.batch]
    if mask.dim() == 2:
        assert leaf.time is not None
        shape[leaf.time] = value.shape[leaf.time]
        mask = mask if leaf.batch < leaf.time else mask.t()
    return mask.to(value.device).reshape(shape).expand(value.shape)


def others(leaf: Leaf) -> Tensor:
    """Return for each entry another value that occurs in the leaf."""
    value: Tensor = leaf.value
    known = value.unique()
    if len(known) < 2:
        return value + 1
    place = torch.searchsorted(known, value.contiguous())
    return torch.take(known, (place + 1) % len(known))
