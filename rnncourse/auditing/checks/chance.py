"""Random numbers: dropout or noise that is never switched off, and a dropout mask along the wrong axis."""

from collections.abc import Iterator

from rnncourse.auditing.report import QUESTION, WRONG, Finding
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call

KINDS = ("dropout in eval", "random in eval", "dropout shared")

DRAWS = {
    "randn", "rand", "randint", "randperm", "randn_like", "rand_like", "randint_like", "normal", "normal_",
    "uniform_", "bernoulli", "bernoulli_", "multinomial", "rrelu", "gumbel_softmax", "poisson",
    "exponential_", "random_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_",
}  # fmt: skip
DROPOUTS = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"}
# Attention has its own dropout: the position of dropout_p among the arguments.
ATTENTION = {"scaled_dot_product_attention": 4, "multi_head_attention_forward": 10}


PRODUCTS = {"mul", "mul_", "__mul__", "__rmul__", "__imul__"}


def run(s: Subject) -> Iterator[Finding]:
    yield from _in_eval(s)
    yield from _shared(s)


def _in_eval(s: Subject) -> Iterator[Finding]:
    s.made("random in eval", *(["dropout in eval"] if _has_dropout(s) else []))
    again = s.probe.run(seed=1, record=True)
    if len(again.outputs) != len(s.base.outputs):
        return
    moved = [k for k in range(len(again.outputs)) if _differ(s, again, k)]
    if not moved:
        return
    calls = s.base.tape.calls
    change = max(float(s.effect(again, k).max()) for k in moved)
    numbers = {"unlawful": change}
    dropout = next((call for call in calls if _is_on(call)), None)
    if dropout is not None:
        yield Finding(
            "dropout in eval",
            WRONG,
            f"Dropout is on in eval: another seed changes the outputs by {change:.2g}.",
            dropout.place,
            dropout.module,
            numbers=numbers,
            lesson="11",
            by=f"By {dropout.name}",
        )
        return
    drawn = next((call for call in calls if call.name in DRAWS), None)
    yield Finding(
        "random in eval",
        QUESTION,
        f"In eval, another seed changes the outputs by {change:.2g}: random numbers are drawn in each call. "
        "Is this intended?",
        drawn.place if drawn else None,
        drawn.module if drawn else "",
        numbers=numbers,
        by=f"By {drawn.name}" if drawn else "",
    )


def _shared(s: Subject) -> Iterator[Finding]:
    """Find a mask drawn in train mode with an entry for each step, and one for all rows."""
    if s.trained is None or s.B == s.T or 1 in (s.B, s.T):
        return
    drawn: set[int] = set()  # the memory of what is computed from random numbers alone
    for call in s.trained.tape.calls:
        memories = [arg.untyped_storage().data_ptr() for arg in call.args]
        alone = bool(memories) and drawn.issuperset(memories)
        if call.name in DRAWS or alone or (call.name in DROPOUTS and _of_ones(call)):
            drawn |= {result.untyped_storage().data_ptr() for result in call.results}
            continue
        if call.name not in PRODUCTS or len(call.before) != 2 or not drawn.intersection(memories):
            continue
        s.made("dropout shared")
        mask, other = (t.shape for t in (call.before if memories[0] in drawn else call.before[::-1]))
        if len(mask) != len(other) or [*other].count(s.B) != 1 or [*other].count(s.T) != 1:
            continue
        rows, steps = [*other].index(s.B), [*other].index(s.T)
        if len(mask) > 2 and mask[rows] == 1 and mask[steps] == s.T:
            yield Finding(
                "dropout shared",
                QUESTION,
                f"In train mode, the random mask {tuple(mask)} for {tuple(other)} differs from step to step "
                "and is the same in all rows. A locked mask is the same at all steps, and each row has its "
                "own. Is this intended?",
                call.place,
                call.module,
                lesson="11",
                by=f"By {call.name}",
            )
            return


def _of_ones(call: Call) -> bool:
    return bool(call.before) and bool((call.before[0] == 1).all())


def _differ(s: Subject, again: object, k: int) -> bool:
    return bool((s.effect(again, k) > s.tolerance(k)).any())  # type: ignore[arg-type]


def _is_on(call: Call) -> bool:
    """Return whether a call drops something: the result of F.dropout differs from its input."""
    if call.name in ATTENTION:
        return _share_dropped(call) > 0 and bool(call.options.get("training", True))
    if call.name not in DROPOUTS or not call.before or not call.after:
        return False
    return call.before[0].shape == call.after[0].shape and bool((call.before[0] != call.after[0]).any())


def _share_dropped(call: Call) -> float:
    place = ATTENTION[call.name]
    share = call.options.get("dropout_p", call.given[place] if len(call.given) > place else 0.0)
    return float(share) if isinstance(share, int | float) else 0.0


def _has_dropout(s: Subject) -> bool:
    if any(call.name in DROPOUTS or call.name in ATTENTION for call in s.base.tape.calls):
        return True
    return any(getattr(module, "dropout", 0.0) for module in s.probe.recurrent.values())
