"""Where values go and gradients do not: a graph that is cut between steps, or on a part of the way."""

from collections.abc import Iterator

import torch

from rnncourse.auditing.blame import Story, differs
from rnncourse.auditing.report import FACT, QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject, feature_weights
from rnncourse.auditing.tape import Call

KINDS = ("no gradient", "gradient cut")
CHOICES = ("argmax", "argmin", "topk", "argsort", "multinomial")


def run(s: Subject) -> Iterator[Finding]:
    if not s.numeric or s.T < 2 or not s.learns:
        s.skip("gradients between steps (one step, or no output with rows and numbers)", *KINDS)
        return
    nudged = s.disturb(s.rows(range(s.B)), record=True)
    recorded = s.probe.run(taps=True, record=True)
    s.__dict__["graph"] = recorded
    story = Story.of(recorded.tape, [nudged.tape])
    cuts = _cuts(story, recorded.outputs) if story else []
    call = cuts[0] if cuts else None
    if not any(out.requires_grad for out in recorded.outputs):
        yield Finding(
            "no gradient",
            WRONG,
            "No output has a gradient: nothing can be learnt from them.",
            call.place if call else None,
            call.module if call else "",
            by=f"Cut by {call.name}" if call else "",
        )
        return
    yield from _between_steps(s, call)
    if call is not None and not s.has("gradient cut"):
        yield from _in_part(s, call)


def _between_steps(s: Subject, call: Call | None) -> Iterator[Finding]:
    """The last step's gradient at earlier steps, beside what a change there does."""
    ks = [k for k in (s.timed or s.pooled) if s.graph.outputs[k].requires_grad]
    if not ks:
        return
    last = torch.full((s.B,), s.T - 1) if s.real is None else s.real.sum(1) - 1
    early = torch.arange(s.T) < last[:, None]
    nudged = s.disturb(s.steps(early))
    total, value = 0.0, 0.0
    graph = torch.zeros(())
    for k in ks[:2]:
        canonical = s.layouts[k].canonical(
            torch.where(torch.isfinite(s.graph.outputs[k]), s.graph.outputs[k], 0.0)
        )
        T_out = canonical.shape[1]
        at = last.clamp(max=T_out - 1) if T_out >= s.T else torch.full((s.B,), T_out - 1)
        weight = feature_weights(canonical)
        graph = graph + (canonical[torch.arange(s.B) % canonical.shape[0], at] * weight).sum()
        effect = s.effect(nudged, k)
        value = max(value, float(effect[torch.arange(s.B) % effect.shape[0], at].max()))
    found = s.input_gradients(graph).get(s.main_number)
    if found is None or found.dim() != 2:
        return
    early_norm = float((found * early).square().sum().sqrt())
    own = float(found[torch.arange(s.B), last].square().sum().sqrt())
    steps_back = int(last.max())
    s.options["gradient"] = own, float(found[:, 0].square().sum().sqrt()), steps_back
    if early_norm == 0.0 and value > 1e-6 * max(s.size(k) for k in ks) and s.T > 1:
        total = early_norm
        if own == 0.0 and not _any_gradient(s):
            yield _frozen(call)
            return
        yield Finding(
            "gradient cut",
            WRONG,
            f"The last output depends on earlier steps ({value:.2g}), but has no gradient there "
            f"({total:.0f}; at its own step {own:.2g}): nothing is learnt across steps.",
            call.place if call else None,
            call.module if call else "",
            numbers={"unlawful": total, "lawful": own, "value": value},
            lesson="14",
            by=f"Cut by {call.name}" if call else "",
        )
        return
    yield Finding(
        "gradient",
        FACT,
        f"Gradient of the last output: {own:.2g} at its own step, "
        f"{float(found[:, 0].square().sum().sqrt()):.2g} {steps_back} steps back.",
        numbers={"own": own, "first": float(found[:, 0].square().sum().sqrt())},
        lesson="05",
    )


def _any_gradient(s: Subject) -> bool:
    total = s.summed(s.graph)
    if total is None:
        return False
    return any(float(norm.max()) > 0 for norm in s.input_gradients(total).values())


def _frozen(call: Call | None) -> Finding:
    return Finding(
        "gradient cut",
        QUESTION,
        "No output has a gradient with respect to the input, though all depend on it. Is what comes first "
        "frozen?",
        call.place if call else None,
        call.module if call else "",
        numbers={"whole": 1.0},
        by=f"Cut by {call.name}" if call else "",
    )


def _in_part(s: Subject, call: Call) -> Iterator[Finding]:
    """A small change along a random direction, beside what the gradient says of it."""
    if call.name in CHOICES:
        yield Finding(
            "gradient cut",
            QUESTION,
            f"The outputs read what {call.name} chooses, and no gradient passes a choice. Is this meant?",
            call.place,
            call.module,
            lesson="14",
            by=f"Cut by {call.name}",
        )
        return
    directions = s.rows(range(s.B))
    step = 2e-3
    runs = [s.probe.run(directions, scale=sign * step) for sign in (1, -1)]
    total = s.summed(s.graph)
    if total is None:
        return
    weighted = []
    for run in runs:
        value = s.summed(run)
        if value is None:
            return
        weighted.append(float(value.detach()))
    slope = (weighted[0] - weighted[1]) / 2
    said = 0.0
    found = s.probe.gradients(total, [zero for _, _, zero in s.graph.zeros], keep=True)
    for (number, origin, zero), gradient in zip(s.graph.zeros, found, strict=True):
        if gradient is None:
            continue
        leaf = s.inputs.leaves[number]
        if origin is None:
            move = s.probe.noise(number, leaf) * step
        else:
            every = torch.ones(s.B, leaf.T, dtype=torch.bool)
            move = s.probe.noise_on(number, leaf, every, origin, zero, s.graph.tape.sizes[id(zero)] * step)
        said += float((gradient * move).sum())
    if abs(slope - said) <= 0.05 * max(abs(slope), abs(said)) + 1e-6 * abs(weighted[0]):
        return
    yield Finding(
        "gradient cut",
        QUESTION,
        f"A small change of the inputs moves the weighted outputs by {slope / step:.2g} a unit, their "
        f"gradient says {said / step:.2g}: some way carries values and no gradient. Is this meant?",
        call.place,
        call.module,
        numbers={"value": slope / step, "gradient": said / step},
        lesson="14",
        by=f"Cut by {call.name}",
    )


def _cuts(story: Story, outputs: list[torch.Tensor]) -> list[Call]:
    """The calls that read what hangs on the graph, change with it, and return what does not hang on it."""
    relevant = story.relevant([out for out in outputs if out.requires_grad] or outputs)
    found = []
    for i, call in enumerate(story.base):
        if not call.args:
            continue
        leaving = call.name in ("numpy", "item", "tolist")
        if i not in relevant and not leaving:
            continue
        moved = [
            arg.requires_grad and arg.grad_fn is not None and bool(mask.any())
            for arg, mask in (
                (arg, differs(value, other))
                for arg, value, other in zip(call.args, call.before, story.runs[0][i].before, strict=True)
                if value.shape == other.shape
            )
        ]
        if not any(moved):
            continue
        if leaving or call.name in CHOICES:  # small changes need not change a choice
            found.append(call)
            continue
        results = [r for r in call.results if r.dtype != torch.bool]
        if results and not any(r.requires_grad for r in results):
            changed = any(
                a.shape != b.shape or bool(differs(a, b).any())
                for a, b in zip(call.after, story.runs[0][i].after, strict=True)
            )
            if changed and not _harmless(call):
                found.append(call)
    return found


def _harmless(call: Call) -> bool:
    """Comparisons, and the numbers that keep a softmax from overflowing."""
    return call.name in ("eq", "ne", "gt", "lt", "ge", "le", "isnan", "isinf", "isfinite", "sign", "__bool__")
