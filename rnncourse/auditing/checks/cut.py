"""Values that pass on without a gradient: a graph that is cut between steps, or on some of the paths."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from rnncourse.auditing.blame import Story, differs
from rnncourse.auditing.probe import Run
from rnncourse.auditing.report import FACT, QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject, feature_weights
from rnncourse.auditing.tape import Call
from rnncourse.auditing.tokens import flat
from rnncourse.auditing.untouched import generators_restored

KINDS = ("no gradient", "gradient cut")
CHOICES = ("argmax", "argmin", "topk", "argsort", "multinomial")
DRAWS = ("normal", "poisson", "bernoulli", "_sample_dirichlet", "_standard_gamma", "rand", "randn")
ZEROS = ("normal", "poisson", "bernoulli")  # torch gives them a gradient, which is always 0
MAX_CUTS = 4  # one forward pass each


def run(s: Subject) -> Iterator[Finding]:
    if not s.numeric or s.T < 2 or not s.learns:
        s.skip("gradients between steps (one step, or no output with rows and numbers)", *KINDS)
        return
    nudged = s.disturb(s.rows(range(s.B)), record=True)
    recorded = s.probe.run(taps=True, record=True)
    s.__dict__["graph"] = recorded
    story = Story.of(recorded.tape, [nudged.tape])
    learning = [out for out in recorded.outputs if out.requires_grad]
    cuts = _cuts(story, learning or recorded.outputs) if story else []
    call = cuts[0][1] if cuts else None
    others = _cuts(story, recorded.outputs) if story and len(learning) < len(recorded.outputs) else []
    s.cuts = [call for _, call in [*cuts, *others]]
    s.made("no gradient")
    if not any(out.requires_grad for out in recorded.outputs):
        yield Finding(
            "no gradient",
            WRONG,
            "No output has a gradient: the model can't learn from them.",
            call.place if call else None,
            call.module if call else "",
            by=f"Cut by {call.name}" if call else "",
        )
        return
    yield from _between_steps(s, call)
    if not s.has("gradient cut"):
        yield from _in_part(s, cuts, recorded)
    if story:
        yield from _of_parameters(s, story, recorded)


def _between_steps(s: Subject, call: Call | None) -> Iterator[Finding]:
    """Compare the last step's gradient at earlier steps with the effect of a change there."""
    ks = [k for k in (s.timed or s.pooled) if s.graph.outputs[k].requires_grad]
    if not ks:
        return
    last = torch.full((s.B,), s.T - 1) if s.real is None else s.real.sum(1) - 1
    early = torch.arange(s.T) < last[:, None]
    nudged = s.disturb(s.steps(early))
    value = 0.0
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
    s.made("gradient cut")
    early_norm = float((found * early).square().sum().sqrt())
    own = float(found[torch.arange(s.B), last].square().sum().sqrt())
    steps_back = int(last.max())
    first = float(found[:, 0].square().sum().sqrt())
    if early_norm == 0.0 and value > 1e-6 * max(s.size(k) for k in ks) and s.T > 1:
        if own == 0.0 and not _any_gradient(s):
            yield _frozen(call)
            return
        yield Finding(
            "gradient cut",
            WRONG,
            f"The last output depends on earlier steps ({value:.2g}), but has no gradient there "
            f"(0; at its own step {own:.2g}): the model learns nothing across steps.",
            call.place if call else None,
            call.module if call else "",
            numbers={"unlawful": early_norm, "lawful": own, "value": value},
            lesson="14",
            by=f"Cut by {call.name}" if call else "",
        )
        return
    of, at_own = "the last output", "its own step"
    if ks[0] not in s.in_step:  # pooled, or a decoder's: its steps are not the input's steps
        of, at_own = "the last output" if s.timed else "the output", f"the last step of {s.inputs.main.name}"
    yield Finding(
        "gradient",
        FACT,
        f"Gradient of {of}: {own:.2g} at {at_own}, {first:.2g} {steps_back} steps back.",
        numbers={"own": own, "first": first},
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
        "No output has a gradient with respect to the input, though all depend on it. Are the first layers "
        "frozen?",
        call.place if call else None,
        call.module if call else "",
        numbers={"whole": 1.0},
        by=f"Cut by {call.name}" if call else "",
    )


def in_training(s: Subject, trained: Run) -> Iterator[Finding]:
    """Look for cuts in the code that only train mode runs, such as the draw of a VAE; for parameters.py."""
    known = {(call.name, call.place) for call in s.base.tape.calls}
    relevant = Story(trained.tape.calls, []).relevant(trained.outputs)
    if all((trained.tape.calls[i].name, trained.tape.calls[i].place) in known for i in relevant):
        return
    try:
        nudged = s.probe.run(s.rows(range(s.B)), train=True, record=True)
    except Exception as error:
        s.skip(f"what only train mode runs (with other inputs it raises {type(error).__name__})")
        return
    story = Story.of(trained.tape, [nudged.tape])
    if story is None or len(trained.outputs) != len(s.base.outputs):
        s.skip("what only train mode runs (its calls are not the same each time)")
        return
    cuts = [(i, call) for i, call in _cuts(story, trained.outputs) if (call.name, call.place) not in known]
    # a choice, as in scheduled sampling, may be meant for training
    yield from _in_part(s, [cut for cut in cuts if cut[1].name not in CHOICES], trained, train=True)


def _in_part(
    s: Subject, cuts: list[tuple[int, Call]], recorded: Run, train: bool = False
) -> Iterator[Finding]:
    """Change the result of a cut, and see whether an output that has a gradient changes with it.

    The maximum that keeps a softmax from overflowing may be detached: changing it has no effect.
    """
    tried: set[object] = set()
    for number, call in cuts:
        if (call.place, call.name) in tried or len(tried) == MAX_CUTS:
            continue
        tried.add((call.place, call.name))
        s.made("gradient cut")
        if call.name in CHOICES:
            text = f"The outputs depend on a choice by {call.name}, which passes no gradient."
            change = None
        else:
            change = _change(s, number, recorded, train)
            if change is None:
                continue
            what = f"the result of {call.name}, which has"
            more = ""
            if call.name in DRAWS:
                if _source_has_gradient(s, call, recorded, train):
                    continue
                what, more = f"a draw by {call.name}, which has", " rsample() has one."
            outputs = "In train mode, the outputs" if train else "The outputs"
            text = (
                f"{outputs} depend on {what} no gradient: changed by a tenth of its size, it changes them "
                f"by {change:.2g}; what it is computed from learns nothing this way.{more}"
            )
        yield Finding(
            "gradient cut",
            QUESTION,
            f"{text} Is this intended?",
            call.place,
            call.module,
            numbers={} if change is None else {"value": change, "gradient": 0.0},
            lesson="14",
            by=f"Cut by {call.name}",
        )
        return


def _of_parameters(s: Subject, story: Story, recorded: Run) -> Iterator[Finding]:
    """Find a parameter that the outputs also read through a detach, .data or no_grad."""
    if not isinstance(s.model, nn.Module):
        return
    names = {id(p): name for name, p in s.model.named_parameters() if p.requires_grad}
    tried: set[object] = set()
    for number, call in _constant_cuts(story, recorded.outputs):
        leaves = set().union(*(leaves_of(arg) for arg in call.args if arg.requires_grad))
        mine = [name for at, name in names.items() if at in leaves]
        if not mine or (call.place, call.name) in tried or len(tried) == MAX_CUTS:
            continue
        tried.add((call.place, call.name))
        s.made("gradient cut")
        change = _change(s, number, recorded)
        if change is None:
            continue
        s.cuts.append(call)
        yield Finding(
            "gradient cut",
            QUESTION,
            f"The outputs read {mine[0]} through {call.name}, which passes no gradient: changed there by a "
            f"tenth of its size, it changes them by {change:.2g}, and it learns nothing from this use. Is "
            "this intended?",
            call.place,
            call.module,
            numbers={"value": change, "gradient": 0.0},
            lesson="14",
            by=f"Cut by {call.name}",
        )
        return


def _change(s: Subject, number: int, recorded: Run, train: bool = False) -> float | None:
    """Return how much the outputs with a gradient change with a call's result; None if they do not."""
    try:
        run = s.probe.run(taps=not train, record=True, moved=number, train=train)
    except Exception:  # the model refuses such a value
        return None
    worst = 0.0
    for k in s.numeric:
        if len(run.outputs) != len(recorded.outputs) or not recorded.outputs[k].requires_grad:
            continue
        effect = float(s.effect(run, k, recorded).max())
        worst = max(worst, effect if effect > s.tolerance(k) else 0.0)
    return worst or None


def _source_has_gradient(s: Subject, draw: Call, recorded: Run, train: bool = False) -> bool:
    """Return whether the outputs have a gradient at the distribution, as log_prob of the drawn value has."""
    number = next(i for i, call in enumerate(recorded.tape.calls) if call is draw)
    if train:  # another run in train mode changes buffers that this graph needs, such as a running mean
        recorded = s.probe.run(train=True, record=True)
    memory = {
        arg.untyped_storage().data_ptr() for arg in recorded.tape.calls[number].args if arg.requires_grad
    }
    sources = {
        id(result): result
        for call in recorded.tape.calls
        for result in call.results
        if result.grad_fn is not None and result.untyped_storage().data_ptr() in memory
    }
    reached = {}
    for k in s.numeric:
        if recorded.outputs[k].requires_grad:
            found = s.probe.gradients(recorded.outputs[k].sum(), list(sources.values()), keep=True)
            reached[k] = any(gradient is not None and bool(gradient.any()) for gradient in found)
    moved = s.probe.run(taps=not train, record=True, moved=number, train=train)
    return all(
        reaches or float(s.effect(moved, k, recorded).max()) <= s.tolerance(k)
        for k, reaches in reached.items()
    )


def _cuts(story: Story, outputs: list[torch.Tensor]) -> list[tuple[int, Call]]:
    """Return the calls whose arguments are in the graph and change, and whose changed result is not in it."""
    relevant = story.relevant(outputs)
    found = []
    for i, call in enumerate(story.base):
        if not call.args:
            continue
        leaving = call.name in ("numpy", "item", "tolist")
        if i not in relevant and not leaving:
            continue
        moved = [
            arg.requires_grad and bool(mask.any())
            for arg, mask in (
                (arg, differs(value, other))
                for arg, value, other in zip(call.args, call.before, story.runs[0][i].before, strict=True)
                if value.shape == other.shape
            )
        ]
        if not any(moved):
            continue
        if leaving or call.name in CHOICES:  # a small change may leave a choice the same
            found.append((i, call))
            continue
        results = [r for r in call.results if r.dtype != torch.bool]
        if results and (call.name in ZEROS or not any(r.requires_grad for r in results)):
            changed = any(
                a.shape != b.shape or bool(differs(a, b).any())
                for a, b in zip(call.after, story.runs[0][i].after, strict=True)
            )
            if changed and not _harmless(call):
                found.append((i, call))
    return found


def _constant_cuts(story: Story, outputs: list[torch.Tensor]) -> list[tuple[int, Call]]:
    """Return the calls that take a graph's number and return one without a graph, whatever the inputs are."""
    relevant = story.relevant(outputs)
    found = []
    for i, (call, other) in enumerate(zip(story.base, story.runs[0], strict=True)):
        leaving = call.name in ("numpy", "item")
        if (i not in relevant and not leaving) or call.name in CHOICES or _harmless(call):
            continue
        in_graph = any(arg.requires_grad for arg in call.args)
        kept = [r for r in call.results if r.is_floating_point()]
        cut = (kept or leaving) and not any(r.requires_grad for r in kept)
        same = all(torch.equal(a, b) for a, b in zip(call.before, other.before, strict=True))
        if in_graph and cut and same and (leaving or _reads_values(call)):
            found.append((i, call))
    return found


def _reads_values(call: Call) -> bool:
    """Return whether a call's result depends on its arguments' values, unlike `weight.new_zeros(2, 3)`."""
    if call.function is None or call.writes:
        return False

    def moved(value: Any) -> Any:
        return (
            value.detach() + torch.randn_like(value)
            if isinstance(value, torch.Tensor) and value.requires_grad
            else value
        )

    try:
        with generators_restored(), torch.no_grad():
            others = [moved(value) for value in call.given]
            torch.manual_seed(0)
            one = call.function(*call.given, **call.options)
            torch.manual_seed(0)
            other = call.function(*others, **call.options)
    except Exception:  # a call that can't be made twice
        return False
    pairs = zip(flat(one), flat(other), strict=False)
    return any(a.shape != b.shape or not torch.equal(a, b) for a, b in pairs)


def leaves_of(tensor: torch.Tensor) -> set[int]:
    """Return the ids of the leaves of the graph that a tensor depends on, among them itself."""
    seen: set[Any] = set()
    waiting, found = [tensor.grad_fn], {id(tensor)}
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            found.add(id(leaf))
        waiting += [parent for parent, _ in node.next_functions]
    return found


def _harmless(call: Call) -> bool:
    """Return whether a call is a comparison or a test, through which no gradient is expected."""
    return call.name in ("eq", "ne", "gt", "lt", "ge", "le", "isnan", "isinf", "isfinite", "sign", "__bool__")
