"""The states that a recurrent layer gets, and the parts of its results that are read."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.probe import RecurrentCall
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call
from rnncourse.spec import Cell

KINDS = ("h and c exchanged", "backward direction")


def run(s: Subject) -> Iterator[Finding]:
    if not s.base.recurrent:
        return
    found = list(_exchanged(s))
    yield from found or _read(s)


def _exchanged(s: Subject) -> Iterator[Finding]:
    """Find by value a state h_0 that is an earlier c_n, or a state c_0 that is an earlier h_n."""
    ends: list[tuple[Tensor, Tensor]] = []
    for call in s.base.recurrent:
        if len(call.ends) == 2:
            s.made("h and c exchanged")
        if len(call.state) == 2 and len(call.ends) == 2:
            h, c = call.state_values
            for h_n, c_n in ends:
                h_is_c, c_is_h = _taken_from(h, c_n), _taken_from(c, h_n)
                if (h_is_c or c_is_h) and not _taken_from(h_n, c_n):
                    yield _finding(s, call, h_n, c_n, h_is_c, c_is_h)
                    return
        if len(call.ends) == 2:
            ends.append((call.ends[0].detach(), call.ends[1].detach()))
            ends = ends[-4:]


def _finding(
    s: Subject, call: RecurrentCall, h_n: Tensor, c_n: Tensor, h_is_c: bool, c_is_h: bool
) -> Finding:
    if h_is_c and c_is_h:
        what = "its states exchanged: h_0 is an earlier c_n, and c_0 its h_n"
    elif c_is_h and _taken_from(call.state_values[0], h_n):
        what = "the same h_n twice, as h_0 and as c_0, and the c_n beside it is dropped"
    else:
        what = "its states exchanged: " + ("h_0 is an earlier c_n" if h_is_c else "c_0 is an earlier h_n")
    doubt = "" if h_is_c else " Is this intended?"
    part = 0 if h_is_c else 1
    taking = _first_apart(s, call, call.state[part], call.state[1 - part])
    return Finding(
        "h and c exchanged",
        WRONG if h_is_c else QUESTION,
        f"{type(call.module).__name__} {call.name!r} gets {what}. The pair is (h, c).{doubt}",
        taking.place if taking else call.place,
        call.name,
        lesson="07",
        see=f"rnncourse.explain(model.{call.name}, x, (h, c))",
        by=f"Taken by {taking.name}" if taking else "Called",
    )


def _taken_from(state: Tensor, end: Tensor) -> bool:
    """Return whether a state holds only vectors of this h_n or c_n, in whatever order."""
    vectors, others = (t.reshape(-1, t.shape[-1]) for t in (state, end))
    if vectors.shape[1] != others.shape[1] or not bool(vectors.any()):
        return False
    return bool((vectors[:, None] == others[None]).all(2).any(1).all())


def _first_apart(s: Subject, call: RecurrentCall, state: Tensor, other: Tensor) -> Call | None:
    """Return the first call on the way to a state that is not on the way to the other state as well."""
    calls = s.base.tape.calls
    given = [i for i, c in enumerate(calls) if c.module == call.name and any(a is state for a in c.args)]
    if not given:
        return None
    at = given[0]
    story = Story(calls, [])
    mine, shared = _moves(story, state, at), _moves(story, other, at)
    return next((calls[i] for i in reversed(mine) if i not in shared and calls[i].place), None)


def _moves(story: Story, tensor: Tensor, before: int) -> list[int]:
    """Return the calls, the last one first, that only moved a tensor's values since a layer returned them."""
    found = []
    while (at := story.producer(tensor, before)) is not None:
        before = at[0]
        call = story.base[before]
        if call.function is None or not call.args:
            break
        found.append(before)
        tensor = call.args[0]
    return found


def _read(s: Subject) -> Iterator[Finding]:
    """Find out from gradients which of output, h_n and c_n of each layer's call the outputs read."""
    graph = s.graph
    total = s.summed(graph)
    if total is None:
        return
    last_of_cells = {c.name: c for c in graph.recurrent if isinstance(c.module, Cell)}
    calls = [c for c in graph.recurrent if not isinstance(c.module, Cell)][:64]
    calls += [c for c in last_of_cells.values() if len(c.ends) == 2]
    if not calls:
        return
    wanted = [t for c in calls for t in (c.output, *c.ends) if isinstance(t, Tensor) and t.requires_grad]
    if not wanted:
        return
    found = dict(zip(map(id, wanted), s.probe.gradients(total, wanted, keep=True), strict=True))
    for call in calls:
        yield from _directions(s, call, found)
        yield from _c_alone(s, call, found)


def _directions(s: Subject, call: RecurrentCall, found: dict[int, Tensor | None]) -> Iterator[Finding]:
    if not getattr(call.module, "bidirectional", False) or call.output is None:
        return
    gradient, h_n = found.get(id(call.output)), found.get(id(call.ends[0]))
    if h_n is not None and h_n.shape[0] > 1 and bool(h_n[-2].any()) and not bool(h_n[-1].any()):
        s.made("backward direction")
        yield Finding(
            "backward direction",
            QUESTION,
            f"From h_n of {type(call.module).__name__} {call.name!r} the outputs read the forward direction "
            "and never the backward one, h_n[-1]. Is this intended?",
            call.place,
            call.name,
            lesson="12",
            by="Called",
        )
        return
    if gradient is None or (h_n is not None and bool(h_n[-1].any())):
        return
    s.made("backward direction")
    half = gradient.shape[-1] // 2
    read = gradient[..., half:].abs().amax(-1) > 0
    ends: Tensor | None = None
    if call.batch_sizes is not None:
        read, ends = _unpacked(read, call.batch_sizes)
    elif call.output.dim() != 3:
        return
    elif not getattr(call.module, "batch_first", False):
        read = read.t()  # (B, T)
    T = read.shape[1]
    if T < 2 or not bool(read.any()):
        return
    rows = read.any(1)
    last = torch.where(read, torch.arange(T), -1).amax(1)
    single = bool((read.sum(1)[rows] == 1).all())
    if ends is None:
        ends = torch.full_like(last, T - 1)
        if s.inputs.lengths is not None and len(s.inputs.lengths) == len(last):
            ends = s.inputs.lengths - 1
    if single and (bool((last[rows] == T - 1).all()) or bool((last[rows] == ends[rows]).all())):
        yield Finding(
            "backward direction",
            WRONG,
            f"From the backward direction of {type(call.module).__name__} {call.name!r} the outputs read "
            "only the last step, where it has seen only one step. Its final state is at step 0 and in h_n.",
            call.place,
            call.name,
            numbers={"T": float(T)},
            lesson="12",
            by="Called",
        )


def _unpacked(read: Tensor, batch_sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Return flags of packed entries as (B, T), the longest row first, and the last step of each row."""
    sizes = batch_sizes.tolist()
    flags = torch.zeros(sizes[0], len(sizes), dtype=torch.bool)
    for t, part in enumerate(read.split(sizes)):
        flags[: len(part), t] = part
    return flags, (torch.arange(sizes[0])[:, None] < batch_sizes).sum(1) - 1


def _c_alone(s: Subject, call: RecurrentCall, found: dict[int, Tensor | None]) -> Iterator[Finding]:
    if len(call.ends) != 2:
        return
    output, h, c = (None if t is None else found.get(id(t)) for t in (call.output, *call.ends))

    def read(gradient: Tensor | None) -> bool:
        return gradient is not None and bool(gradient.any())

    if read(c) and not read(h) and not read(output):
        yield Finding(
            "h and c exchanged",
            WRONG,
            f"From {type(call.module).__name__} {call.name!r} the outputs read {_read_of(call)}. Is c "
            "mistaken for h?",
            call.place,
            call.name,
            lesson="07",
            by="Called",
        )


def _read_of(call: RecurrentCall) -> str:
    if call.output is None:
        return "only c, never h. It returns (h, c)"
    return "only c_n, never output or h_n. It returns output, (h_n, c_n)"
