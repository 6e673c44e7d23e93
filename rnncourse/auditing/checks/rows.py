"""Rows of a batch that depend on one another in eval, and recurrent layers that read the batch as time."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from rnncourse.auditing import blame
from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call
from rnncourse.spec import Layer

KINDS = ("batch as time", "batch mixed", "rows reordered")
LAWFUL = 3  # so often a walk is repeated without mixing that cancels


def run(s: Subject) -> Iterator[Finding]:
    if s.B == 1:
        s.skip("whether rows mix (pass a batch of two rows or more)", *KINDS)
        return
    if not s.numeric:
        yield from _of_a_number(s)
        s.skip("whether rows mix (no output has a row for each row of the batch)", *KINDS)
        return
    s.made("batch mixed", "rows reordered")
    by_layer = _batch_as_time(s)
    mixed = _mixed(s)
    if by_layer is not None and mixed is not None:
        yield by_layer
    if mixed is not None:
        yield mixed


def _of_a_number(s: Subject) -> Iterator[Finding]:
    """Check a model that returns its loss, a sum over rows if L(ab) - L(a) - L(b) + L = 0."""
    ks = [k for k, out in enumerate(s.base.outputs) if out.numel() == 1 and out.is_floating_point()]
    for k in ks:
        runs = [s.base, *(s.disturb(s.rows(rows)) for rows in ((0,), (1,), (0, 1)))]
        if any(k >= len(run.outputs) for run in runs):
            return
        none, a, b, both = (float(run.outputs[k].detach().double()) for run in runs)
        couple, alone = abs(both - a - b + none), min(abs(a - none), abs(b - none))
        if couple > 0.01 * alone and couple > 1e-5 * abs(none):
            yield Finding(
                "batch mixed",
                QUESTION,
                "The number that the model returns is not a sum over rows: two rows changed together move "
                f"it by {couple:.2g} more or less than each alone ({alone:.2g}). Is this intended, as in a "
                "contrastive loss?",
                numbers={"unlawful": couple, "lawful": alone},
                lesson="03",
            )
            return


def _levels(s: Subject) -> tuple[str, str]:
    """Return the level of a finding about axes, and the words for a question."""
    if s.exact:
        return WRONG, ""
    return QUESTION, (
        f" This assumes that the batch is axis {s.inputs.main.batch} of {s.inputs.main.name}: pass "
        "batch= or lengths= to be sure."
    )


def _batch_as_time(s: Subject) -> Finding | None:
    """Compare the axis of a recurrent layer's input that holds the rows with the axis it reads as time."""
    seen: set[str] = set()
    for number, call in enumerate(s.base.recurrent):
        if call.name in seen:  # a loop over steps: its first call tells
            continue
        seen.add(call.name)
        if call.packed or not isinstance(call.module, Layer) or call.input.dim() not in (2, 3):
            continue
        masks = _changes(s, number)
        if masks is None:
            continue
        s.made("batch as time")
        time = 1 if call.module.batch_first and call.input.dim() == 3 else 0
        if call.input.dim() == 2 and call.input.shape[0] == 1:
            continue
        if blame.row_order(masks) is None or call.input.shape[time] != s.B:
            continue
        label, _ = blame.row_labels(masks)
        if blame.axis_of(label) != time:
            continue
        level, doubt = _levels(s)
        shape = tuple(call.input.shape)
        reason = f"batch_first={call.module.batch_first}"
        if call.input.dim() == 2:
            reason = "it has two axes, so it is read as one sequence without a batch"
        return Finding(
            "batch as time",
            level,
            f"{type(call.module).__name__} {call.name!r} reads the batch as time: its input {shape} has "
            f"the rows along axis {time}, but {reason}.{doubt}",
            call.place,
            call.name,
            numbers={"axis": float(time)},
            lesson="03",
            see=f"rnncourse.explain(model.{call.name})" if call.name in s.probe.modules else "",
            by="Called",
        )
    return None


def _changes(s: Subject, number: int) -> list[Tensor] | None:
    """Return where the input of a recurrent call differs in each row's run."""
    base = s.base.recurrent[number].given
    found = []
    for run in s.row_runs:
        if number >= len(run.recurrent) or run.recurrent[number].given.shape != base.shape:
            return None
        found.append(blame.differs(base, run.recurrent[number].given))
    return found


def _mixed(s: Subject) -> Finding | None:
    worst: tuple[float, int, int, int, float] | None = None
    for k in s.numeric:
        matrix = s.matrix(k)
        own = matrix.diagonal().clone()
        off = matrix - torch.diag(own)
        limit = s.tolerance(k)
        if float(off.max()) <= limit:
            continue
        i, j = divmod(int(off.argmax()), s.B)
        lawful = float(own.max())
        if worst is None or float(off.max()) / max(lawful, limit) > worst[0]:
            worst = (float(off.max()) / max(lawful, limit), k, i, j, float(own[i]))
    if worst is None:
        return None
    _, k, i, j, own_effect = worst
    if not _confirmed(s, k, i, j):
        return None
    matrix = s.matrix(k)
    reordered = _permutation(matrix, s.tolerance(k))
    level, doubt = _levels(s)
    a, b = s.number(i), s.number(j)
    story = s.row_story
    call, by = None, ""
    if story is not None:
        output = s.base.outputs[k]
        if reordered:
            call, by = _moved(s, story, output), "Reordered by"
        else:
            at = _first_mixed(story, output)
            at, story = _without_lawful(s, k, at, story)
            call = None if at is None else story.base[at]
            by = "First mixed by"
            origin = None if at is None else _other_order(story, at)
            if origin is not None:
                packed = origin.name == "_pad_packed_sequence"
                call = origin
                by = f"Rows in two orders meet; one is {'the packed order, kept' if packed else 'set'} by"
    text = (
        f"Row {a} of the output depends on row {b} of the input ({float(matrix[i, j]):.2g}; row {a} itself "
        f"{own_effect:.2g})."
    )
    if reordered:
        text = f"Row {a} of the output belongs to row {b} of the input: the rows are in a different order."
        back = None if story is None else _put_back(s, story, k)
        text += f" Those of another output are put back by {back.name} ({back.place})." if back else ""
    finding = Finding(
        "rows reordered" if reordered else "batch mixed",
        level,
        text + doubt,
        call.place if call else None,
        call.module if call else "",
        row=a,
        numbers={"unlawful": float(matrix[i, j]), "lawful": own_effect},
        lesson="13" if reordered else "03",
        by=f"{by} {call.name}" if call else "",
    )
    return replace(finding, level=WRONG, text=text) if reordered else finding


def _confirmed(s: Subject, k: int, i: int, j: int) -> bool:
    """Return whether row i of output k changes if only the inputs of row j do.

    Until now, noise was added to embeddings; here row j gets other tokens. If the model refuses them, the
    finding stands.
    """
    if not s.probe.embedded:
        return True
    try:
        run = s.disturb(s.rows([j]), exchange=True)
    except Exception:
        return True
    return float(s.effect(run, k)[i].max()) > s.tolerance(k)


def _without_lawful(s: Subject, k: int, at: int | None, story: blame.Story) -> tuple[int | None, blame.Story]:
    """Walk again without mixing that cancels, such as `score - score.max()` before a softmax.

    The mixed number is changed: if no output changes, it is held fixed in all runs, and the walk is repeated.
    """
    fixed: dict[int, Tensor] = {}
    for _ in range(LAWFUL):
        if at is None:
            break
        call = story.base[at]
        sources = [at, *(p[0] for arg in call.args if (p := story.producer(arg, at)) is not None)]
        mixing = [i for i in sources if i not in fixed and _reduces(story, i) and _cancels(s, i)]
        if not mixing:
            break
        fixed |= {i: s.base.tape.calls[i].after[0] for i in mixing}
        runs = [s.probe.run(s.rows([row]), record=True, fixed=fixed).tape for row in range(s.B)]
        again = blame.Story.of(s.base.tape, runs)
        if again is None:
            break
        story, at = again, _first_mixed(again, s.base.outputs[k])
    return at, story


def _reduces(story: blame.Story, i: int) -> bool:
    """Return whether a call makes fewer numbers out of many, without an axis of rows."""
    call = story.base[i]
    if call.function is None or call.writes or len(call.after) == 0 or not call.before:
        return False
    return call.after[0].is_floating_point() and call.after[0].numel() < call.before[0].numel()


def _cancels(s: Subject, i: int) -> bool:
    try:
        run = s.probe.run(record=True, moved=i)
    except Exception:  # the model refuses such a value
        return False
    return all(float(s.effect(run, k).max()) <= s.tolerance(k) for k in s.numeric)


def _other_order(story: blame.Story, at: int) -> Call | None:
    """Return the call that brought the rows of one argument into an order that is not the other's."""
    orders = [blame.order_along(story.before(at, k)) for k in range(len(story.base[at].args))]
    known = [(k, order) for k, order in enumerate(orders) if order is not None]
    for k, order in known:
        rows = [row for row in order if row >= 0]
        if rows == sorted(rows) or not any(blame.unlike(order, other) for _, other in known):
            continue
        found, tensor, before = None, story.base[at].args[k], at
        while (place := story.producer(tensor, before)) is not None:
            before = place[0]
            earlier = blame.order_along(story.after(*place))
            if earlier is None or len(earlier) != len(order) or blame.unlike(earlier, order):
                break
            found = story.base[before]
            if not found.args:
                break
            tensor = found.args[0]
        return found
    return None


def _first_mixed(story: blame.Story, output: Tensor) -> int | None:
    at = story.walk(output, blame.mixed)
    relevant = story.relevant([output])
    views = [i for i in relevant if blame.moved_into_another_axis(story, i)]
    if at is None or not blame.mixed(story.after(*at)):
        return max(views) if views else None
    earlier = [i for i in views if i < at[0]]
    return max(earlier) if earlier else at[0]


def _permutation(matrix: Tensor, limit: float) -> bool:
    reads = matrix > limit
    once = bool((reads.sum(0) == 1).all()) and bool((reads.sum(1) == 1).all())
    return once and not bool(reads.diagonal().all())


def _moved(s: Subject, story: blame.Story, output: Tensor) -> Call | None:
    """Return the last call, among those the output is computed from, that changes the order of the rows."""
    found = None
    relevant = story.relevant([output])
    for i, call in enumerate(story.base):
        if i not in relevant or not call.args:
            continue
        befores = [blame.row_order(story.before(i, k)) for k in range(len(call.args))]
        afters = [blame.row_order(story.after(i, k)) for k in range(len(call.results))]
        before = next((order for order in befores if order is not None), None)
        after = next((order for order in afters if order is not None), None)
        if before is not None and after is not None and before != after:
            found = call
    return found or _tokens_moved(s, story, relevant)


def _put_back(s: Subject, story: blame.Story, k: int) -> Call | None:
    """Return the call that puts the rows of another output than k back into the input's order."""
    others = [s.base.outputs[n] for n in s.numeric if n != k]
    own = story.relevant([s.base.outputs[k]])
    for i in sorted(story.relevant(others) - own):
        orders = [blame.row_order(story.before(i, n)) for n in range(len(story.base[i].args))]
        moved = any(order is not None and order != sorted(order) for order in orders)
        after = [blame.row_order(story.after(i, n)) for n in range(len(story.base[i].results))]
        if moved and any(order is not None and order == sorted(order) for order in after):
            return story.base[i]
    return None


def _tokens_moved(s: Subject, story: blame.Story, relevant: set[int]) -> Call | None:
    """Return the last call that changes the order of rows of tokens before they are embedded."""
    found = None
    for i in relevant:
        call = story.base[i]
        before = [order for arg in call.args if (order := _order_of_tokens(s, arg)) is not None]
        after = [order for result in call.results if (order := _order_of_tokens(s, result)) is not None]
        if before and after and before[0] != after[0] and (found is None or i > found):
            found = i
    return None if found is None else story.base[found]


def _order_of_tokens(s: Subject, tensor: Tensor) -> list[int] | None:
    for number, origin in s.base.tape.tokens.origins(tensor).items():
        leaf = s.inputs.leaves[number]
        assert leaf.batch is not None
        shape = [-1 if axis == leaf.batch else 1 for axis in range(leaf.value.dim())]
        row_of = torch.arange(s.B).view(shape).expand(leaf.value.shape).reshape(-1)
        row = torch.where(origin >= 0, row_of[origin], -1)
        return blame.row_order([row == k for k in range(s.B)])
    return None
