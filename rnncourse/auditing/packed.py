"""Real steps that are dropped because the lengths for packing, or for CTC, are too small."""

from collections.abc import Iterator

from torch import Tensor

from rnncourse.auditing.blame import Story
from rnncourse.auditing.report import QUESTION, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

PACKS = "_pack_padded_sequence"


def packed_short(s: Subject) -> Iterator[Finding]:
    """Find real steps that packing drops, in the batch or in a row alone without padding."""
    found = list(_in_batch(s)) or list(_alone(s))
    yield from found[:1]


def _in_batch(s: Subject) -> Iterator[Finding]:
    """Find steps of the main input's length that are packed with lengths that drop real ones."""
    alike = [leaf for leaf in s.inputs.leaves if leaf.role == "sequence" and leaf.T == s.T]
    if s.inputs.lengths is None or len(alike) > 1:  # another input may have lengths of its own
        return
    real = s.inputs.lengths.sort(descending=True).values
    for call in s.base.tape.calls:
        if call.name != PACKS or len(call.before) < 2:
            continue
        steps, lengths = call.before[0].shape[:2], call.before[1].sort(descending=True).values
        if sorted(steps) != sorted((s.B, s.T)) or len(lengths) != s.B:
            continue
        s.made("last step unread")
        if bool((lengths > real).any()) or lengths.equal(real):
            continue
        yield Finding(
            "last step unread",
            QUESTION,
            f"{s.T} steps are packed with the lengths {lengths.tolist()}, but the rows have {real.tolist()} "
            "(sorted): the layer never reads their last steps. Are these the lengths of another input?",
            call.place,
            call.module,
            lesson="13",
            by="Packed",
        )


def _alone(s: Subject) -> Iterator[Finding]:
    """Find a row that is packed with fewer steps than it has, though it is alone and has no padding."""
    sequences = [leaf for leaf in s.inputs.leaves if leaf.role == "sequence"]
    packs = any(call.name == PACKS for call in s.base.tape.calls)
    if s.inputs.lengths is None or len(sequences) > 1 or s.inputs.main.packed or not packs:
        return
    for row, length in enumerate(s.inputs.lengths.tolist()):
        try:
            inputs = s.inputs.rows([row]).shorter(s.T - length, all_inputs=False)
            calls = s.probe.run(inputs=inputs, record=True).tape.calls
        except Exception:  # a model with a fixed batch size or number of steps
            continue
        for i, call in enumerate(calls):
            if call.name != PACKS or len(call.before) < 2 or len(call.before[1]) != 1:
                continue
            s.made("last step unread")
            steps, packed = max(call.before[0].shape[:2]), int(call.before[1][0])
            if packed < steps:
                made = _made_by(calls, call.args[1], i)
                yield Finding(
                    "last step unread",
                    QUESTION,
                    f"Row {s.number(row)} alone, without padding (length {length}), has {steps} steps where "
                    f"it is packed, but the length passed there is {packed}: the rest is dropped. Is it "
                    "rounded down?",
                    made.place,
                    made.module,
                    row=s.number(row),
                    lesson="13",
                    by="Packed" if made is call else f"The length is made by {made.name}",
                )
                return


def _made_by(calls: list[Call], lengths: Tensor, i: int) -> Call:
    """Return the call on an earlier line that made the lengths of call i; call i itself if none did."""
    story, call, before = Story(calls, []), calls[i], i
    while (at := story.producer(lengths, before)) is not None and calls[at[0]].args:
        before = at[0]
        if calls[before].place != call.place:
            return calls[before]
        lengths = calls[before].args[0]
    return call


def short_for_ctc(s: Subject) -> Iterator[Finding]:
    """Find a row without padding of which the loss gets fewer steps than the outputs have."""
    if s.loss is None or s.inputs.lengths is None or s.has("last step unread"):
        return
    for call in s.loss[1].calls:
        if call.name != "ctc_loss" or len(call.before) < 3 or call.before[0].dim() != 3:
            continue
        steps, given = call.before[0].shape[0], call.before[2]
        if tuple(given.shape) != (s.B,):
            continue
        s.made("last step unread")
        short = (s.inputs.lengths == s.T) & (given.cpu() < steps)
        if bool(short.any()):
            row = int(short.nonzero()[0])
            yield Finding(
                "last step unread",
                QUESTION,
                f"Row {s.number(row)} has no padding and {steps} output steps, but ctc_loss gets only "
                f"{int(given[row])} of them. Is the length rounded down?",
                call.place,
                row=s.number(row),
                lesson="13",
                by="Passed to ctc_loss",
            )
            return
