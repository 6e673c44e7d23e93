"""The state of a lower layer is read from a stacked layer's h_n, but the last layer's is not."""

from collections.abc import Iterator

from torch import Tensor

from rnncourse.auditing.probe import RecurrentCall
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Place

KINDS = ("last layer unread",)
PARTS = {"__getitem__", "select", "narrow", "unbind", "index_select", "split", "chunk"}


def run(s: Subject) -> Iterator[Finding]:
    stacked = [
        (number, call)
        for number, call in enumerate(s.graph.recurrent)
        if getattr(call.module, "num_layers", 1) > 1 and call.output is not None and call.ends
    ]
    total = s.summed(s.graph) if stacked else None
    if total is None:
        return
    wanted = {
        number: [t for t in (call.output, *call.ends) if isinstance(t, Tensor) and t.requires_grad]
        for number, call in stacked[:8]
    }
    whole = [number for number, call in stacked[:8] if len(wanted[number]) == 1 + len(call.ends)]
    found = iter(s.probe.gradients(total, [t for n in whole for t in wanted[n]], keep=True) if whole else ())
    for number in whole:
        call = s.graph.recurrent[number]
        s.made("last layer unread")
        output, *ends = (next(found) for _ in wanted[number])
        directions = 2 if getattr(call.module, "bidirectional", False) else 1
        found_ends = [g for g in ends if g is not None]
        last = any(_any(g[-directions:]) for g in found_ends)
        lower = [layer for g in found_ends for layer in range(g.shape[0] - directions) if _any(g[layer])]
        read = min(lower, default=None)
        if last or read is None:
            continue
        place, by = _read_at(s, number, call)
        kind, name = type(call.module).__name__, call.name
        layers = getattr(call.module, "num_layers", 1)
        unread = "never the last layer." if not _any(output) else (
            "never that of the last layer, though its output is read. Is this intended?")  # fmt: skip
        yield Finding(
            "last layer unread",
            QUESTION if _any(output) else WRONG,
            f"The outputs read only the state of layer {read // directions} of {kind} {name!r}, which has "
            f"{layers} layers, and {unread} h_n has the layers along axis 0, the last one at the end.",
            place,
            name,
            numbers={"layer": float(read // directions)},
            lesson="11",
            by=by,
        )
        return


def _any(gradient: Tensor | None) -> bool:
    return gradient is not None and bool(gradient.any())


def _read_at(s: Subject, number: int, call: RecurrentCall) -> tuple[Place | None, str]:
    """Return the first call in the user's code that reads a part of the layer's final state."""
    if number < len(s.base.recurrent):
        states = {end.untyped_storage().data_ptr() for end in s.base.recurrent[number].ends}
        for later in s.base.tape.calls:
            if later.name not in PARTS:
                continue
            if later.args and later.args[0].untyped_storage().data_ptr() in states:
                return later.place, f"Read by {later.name}"
    return call.place, "Called"
