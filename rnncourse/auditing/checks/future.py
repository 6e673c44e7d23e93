"""Outputs that read later inputs although they must not."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnncourse.auditing import blame
from rnncourse.auditing.checks.steps import torn
from rnncourse.auditing.ended import where_ahead_ends
from rnncourse.auditing.inputs import Leaf
from rnncourse.auditing.report import FACT, QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.views import torn_in_time

KINDS = ("future read",)
MEASURED = 20  # at so many output steps it is measured how far ahead they read


def run(s: Subject) -> Iterator[Finding]:
    leaf = s.options["causal leaf"] = causal_leaf(s)
    T = s.inputs.leaves[leaf].T
    outputs = [k for k in s.timed if (s.layouts[k].T or 0) in (T - 1, T, T + 1) and s.layouts[k].T != 1]
    if not outputs or T < 2:
        if s.causal:
            yield from _with_a_stride(s, T)
        return
    if s.causal:
        s.made("future read")
        for n, name in _coarser(s, T).items():
            s.skip(f"reading the future of {name} (it has {n} steps for {T} of {s.inputs.leaves[leaf].name})")
    worst: tuple[float, int, int, int] | None = None
    cuts = sorted({1, T // 2, T - 1})
    for cut in cuts:
        nudged = s.nudged(cut, late=True, leaf=None if leaf == s.main_number else leaf)
        for k in outputs:
            effect = s.effect(nudged, k)
            early = effect[:, :cut]
            if early.numel() and float(early.max()) > s.tolerance(k):
                row = int(early.amax(1).argmax())
                if worst is None or float(early.max()) > worst[0]:
                    worst = float(early.max()), k, cut, row
    s.options["reads future"] = worst is not None
    if worst is None and s.causal:
        yield from _through_integers(s, leaf, outputs)
    if worst is None or s.causal is False:
        return
    effect_size, k, cut, row = worst
    if not s.causal:
        yield Finding(
            "future read",
            FACT,
            f"Outputs depend on later inputs ({effect_size:.2g}), not only on earlier ones.",
        )
        return
    number = None if leaf == s.main_number else leaf
    nudged = s.nudged(cut, late=True, leaf=number, record=True)
    story = s.story(nudged)
    sizes = {T, s.layouts[k].T or T}
    grids = {n: -(-cut * n // T) for n in _coarser(s, T)} | dict.fromkeys(sizes, cut)
    at = blame.first_ahead(story, s.base.outputs[k], grids) if story else None
    call, by = (None, "") if story is None or at is None else where_ahead_ends(story, at, sorted(sizes))
    if story and at is not None and call is story.base[at] and call.name == "embedding":
        chosen = story.producer(call.args[0], at)  # in a loop: one step's tokens
        call = call if chosen is None else story.base[chosen[0]]
        by = f"First by {call.name}"
    if story and call is not None and not s.has("steps torn") and torn_in_time(story, call, T):
        yield torn(call, T)
    later = [s.effect(s.nudged(c, late=True, leaf=number), k)[:, c:] for c in cuts]
    own = max((float(effect.max()) for effect in later if effect.numel()), default=0.0)
    ahead = _how_far(s, k, leaf)
    why = s.options.get("why causal", "you passed causal=True")
    yield Finding(
        "future read",
        WRONG,
        f"The output at step t depends on inputs {ahead}later ({effect_size:.2g}; on its own and earlier "
        f"steps {own:.2g}), but {why}.",
        call.place if call else None,
        call.module if call else "",
        row=row,
        step=cut - 1,
        numbers={"unlawful": effect_size, "lawful": own},
        lesson="12",
        by=by,
    )


def _coarser(s: Subject, T: int) -> dict[int, str]:
    """Return inputs that may have one step for several of T ones, as a slow sensor: names by their steps."""
    others = [leaf for leaf in s.inputs.leaves if leaf.role == "sequence" and 1 < leaf.T < T]
    return {leaf.T: leaf.name for leaf in others if T % leaf.T == 0}


def _with_a_stride(s: Subject, T: int) -> Iterator[Finding]:
    """Check outputs that have one step for several of the input, as after a convolution with a stride.

    An output step may read up to the end of its own steps of the input, and of the next ones: how they are
    aligned is not known.
    """
    outputs = [k for k in s.timed if 1 < (s.layouts[k].T or 0) < T - 1]
    if not outputs or s.options["causal leaf"] != s.main_number:
        s.skip("reading the future (no output has a step for each step of the input)", *KINDS)
        return
    s.made("future read")
    for k in outputs:
        T_out = s.layouts[k].T or 1
        for step in range(1, T_out):
            cut = -(-T * (step + 1) // T_out)  # the first step of the input after this output's next one
            if cut >= T:
                break
            effect = s.effect(s.nudged(cut, late=True), k)[:, :step]
            if effect.numel() and float(effect.max()) > s.tolerance(k):
                why = s.options.get("why causal", "you passed causal=True")
                yield Finding(
                    "future read",
                    QUESTION,
                    f"Output step {step - 1} of {T_out} depends on inputs from step {cut} of {T} on "
                    f"({float(effect.max()):.2g}), but {why}. Is there padding on both sides?",
                    numbers={"unlawful": float(effect.max())},
                    lesson="12",
                )
                return


def _through_integers(s: Subject, number: int, outputs: list[int]) -> Iterator[Finding]:
    """Replace tokens from a step on, to find values computed from integers before or beside an embedding.

    The usual disturbance is added to embeddings, so it does not reach numbers computed from the tokens.
    """
    T = s.inputs.leaves[number].T
    cut = T // 2
    values = {
        n: other_tokens(leaf, cut, s.real if leaf.T == s.T else None)
        for n, leaf in enumerate(s.inputs.leaves)
        if leaf.role == "sequence" and not leaf.floating and not leaf.packed and leaf.T == T
        if n == number or number == s.main_number
    }
    values = {n: v for n, v in values.items() if not torch.equal(v, s.inputs.leaves[n].value)}
    if not values:
        if not s.inputs.leaves[number].floating and number in s.probe.embedded:
            s.skip("reading the future through integers (there are no other tokens to replace them by)")
        return
    try:
        run = s.probe.run(values=values, record=True)
    except Exception as error:  # the model refuses such tokens
        s.skip(f"reading the future through integers (other tokens raise {type(error).__name__})")
        return
    for k in outputs:
        effect = s.effect(run, k)
        early, later = effect[:, :cut], effect[:, cut:]
        if float(early.max()) <= s.tolerance(k) or not bool(torch.isfinite(effect).all()):
            continue
        sizes = sorted({T, s.layouts[k].T or T})
        story = s.story(run)
        at = blame.first_ahead(story, s.base.outputs[k], dict.fromkeys(sizes, cut)) if story else None
        call, by = (None, "") if story is None or at is None else where_ahead_ends(story, at, sizes)
        size, own = float(early.max()), float(later.max()) if later.numel() else 0.0
        why = s.options.get("why causal", "you passed causal=True")
        yield Finding(
            "future read",
            WRONG,
            f"With other tokens from step {cut} on, earlier outputs change ({size:.2g}; later ones "
            f"{own:.2g}): they read numbers computed from later tokens, but {why}.",
            call.place if call else None,
            call.module if call else "",
            row=s.number(int(early.amax(1).argmax())),
            step=cut - 1,
            numbers={"unlawful": size, "lawful": own},
            lesson="12",
            by=by,
        )
        return


def other_tokens(leaf: Leaf, cut: int, real: Tensor | None) -> Tensor:
    """Return the leaf with other tokens from step `cut` on; padding stays, and none is added."""
    assert leaf.batch is not None
    assert leaf.time is not None
    value: Tensor = leaf.value.detach().clone()
    rows = value.movedim((leaf.batch, leaf.time), (0, 1)).flatten(2) if value.dim() > 2 else (
        value.movedim((leaf.batch, leaf.time), (0, 1))[..., None])  # fmt: skip
    late = (torch.arange(leaf.T) >= cut).to(value.device).expand(rows.shape[:2])
    late = late if real is None else late & real.to(value.device)
    for feature in rows.unbind(2):
        ends = feature[
            feature[:, -1] == feature[:, -2], -1
        ]  # a row that ends with the same token twice looks padded
        padding = {0, int(leaf.pad), *ends.tolist()}
        known = torch.tensor([v for v in feature.unique().tolist() if v not in padding])
        if len(known) < 2:
            continue
        known = known.to(feature)
        place = torch.searchsorted(known, feature.contiguous()).clamp(max=len(known) - 1)
        other = known[(place + 1) % len(known)]
        chosen = late & torch.isin(feature, known)
        feature.copy_(torch.where(chosen, other, feature))
    return value


def causal_leaf(s: Subject) -> int:
    """Return the argument that must not be read ahead: the one that the target shifts, or the main one."""
    if "shifted leaf" in s.options:
        return int(s.options["shifted leaf"])
    if s.timed and s.owners[s.timed[0]] != s.main_number:
        return s.owners[s.timed[0]]
    named = [
        number
        for number, leaf in enumerate(s.inputs.leaves)
        if leaf.role == "sequence" and leaf.name.lower().startswith(("tgt", "trg", "target", "dec"))
    ]
    return named[0] if named else s.main_number


def _how_far(s: Subject, k: int, leaf: int) -> str:
    """Return how many steps ahead output k reads at most, measured at all its steps or at some of many."""
    out = s.graph.outputs[k]
    if not out.requires_grad:
        return ""
    canonical = s.layouts[k].canonical(out)
    steps = 0
    for t in range(0, canonical.shape[1], -(-canonical.shape[1] // MEASURED)):
        found = s.input_gradients(canonical[:, t].sum()).get(leaf)
        if found is None or found.dim() != 2:
            return ""
        ahead = (found.amax(0)[t + 1 :] > 0).nonzero().flatten()
        steps = max(steps, int(ahead.max()) + 1 if len(ahead) else 0)
    if steps == 0:
        return ""
    return f"up to {steps} steps " if steps > 1 else "1 step "
