"""Outputs that read inputs of later steps, where they must not."""

from collections.abc import Iterator

import torch

from rnncourse.auditing import blame
from rnncourse.auditing.ended import where_ahead_ends
from rnncourse.auditing.report import FACT, WRONG, Finding
from rnncourse.auditing.subject import Subject

KINDS = ("future read",)


def run(s: Subject) -> Iterator[Finding]:
    leaf = s.options["causal leaf"] = causal_leaf(s)
    T = s.inputs.leaves[leaf].T
    outputs = [k for k in s.timed if (s.layouts[k].T or 0) in (T - 1, T, T + 1) and s.layouts[k].T != 1]
    if not outputs or T < 2:
        if s.causal:
            s.skip("the future (no output has a step for each step of the input)", *KINDS)
        return
    if s.causal:
        s.made("future read")
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
    if worst is None or s.causal is False:
        return
    effect_size, k, cut, row = worst
    if not s.causal:
        yield Finding(
            "future read", FACT, f"Outputs depend on later inputs ({effect_size:.2g}): they read both ways."
        )
        return
    number = None if leaf == s.main_number else leaf
    nudged = s.nudged(cut, late=True, leaf=number, record=True)
    story = s.story(nudged)
    sizes = {T, s.layouts[k].T or T}
    at = blame.first_ahead(story, s.base.outputs[k], cut, sorted(sizes)) if story else None
    call, by = (None, "") if story is None or at is None else where_ahead_ends(story, at, sorted(sizes))
    later = [s.effect(s.nudged(c, late=True, leaf=number), k)[:, c:] for c in cuts]
    own = max((float(effect.max()) for effect in later if effect.numel()), default=0.0)
    ahead = _how_far(s, k, leaf)
    why = s.options.get("why causal", "causal=True was said")
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


def causal_leaf(s: Subject) -> int:
    """The argument that must not be read ahead: the one that the target is a shift of, or the main one."""
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
    out = s.graph.outputs[k]
    if not out.requires_grad:
        return ""
    canonical = s.layouts[k].canonical(out)
    t = min(canonical.shape[1] // 2, canonical.shape[1] - 1)
    found = s.input_gradients(canonical[:, t].sum()).get(leaf)
    if found is None or found.dim() != 2:
        return ""
    reach = (found.amax(0)[t + 1 :] > 0).nonzero().flatten()
    if not len(reach):
        return ""
    steps = int(reach.max()) + 1
    return f"up to {steps} steps " if steps > 1 else "1 step "


def last_gradient(s: Subject) -> torch.Tensor | None:
    """The norm of the gradient of the last output step at each input step, (T,)."""
    k = (s.timed or s.pooled or [None])[0]  # type: ignore[list-item]
    if k is None or not s.graph.outputs[k].requires_grad:
        return None
    canonical = s.layouts[k].canonical(torch.nan_to_num(s.graph.outputs[k]))
    found = s.input_gradients(canonical[:, -1].sum()).get(s.main_number)
    return None if found is None or found.dim() != 2 else found.square().sum(0).sqrt()
