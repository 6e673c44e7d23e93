"""Parameters that do not learn: not registered, no gradient, zero gradient, stuck at an initial zero."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.auditing import criterion
from rnncourse.auditing.blame import Story
from rnncourse.auditing.checks.carried import PRODUCTS
from rnncourse.auditing.checks.cut import in_training, leaves_of
from rnncourse.auditing.report import FACT, QUESTION, WRONG, Finding
from rnncourse.auditing.source import place_of
from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Call, Place

KINDS = ("unregistered", "parameter without gradient", "zero start")


def run(s: Subject) -> Iterator[Finding]:
    if not isinstance(s.model, nn.Module):
        return
    s.made("unregistered")
    hidden = list(_unregistered(s))
    yield from hidden
    parameters = dict(s.model.named_parameters())
    if not parameters:
        return
    learning = {name: p for name, p in parameters.items() if p.requires_grad}
    frozen = len(parameters) - len(learning)
    if not learning:
        yield Finding(
            "frozen", QUESTION, "All parameters are frozen: none has requires_grad=True. Is this intended?"
        )
        return
    if frozen:
        yield _frozen(s, [name for name, p in parameters.items() if not p.requires_grad], len(parameters))
    run_, total = _trained(s)
    if total is None:
        return
    s.made("parameter without gradient", "zero start")
    found = dict(zip(learning, s.probe.gradients(total, list(learning.values()), keep=True), strict=True))
    if not s.has("gradient cut"):
        yield from in_training(s, run_)
    if not hidden:
        yield from _foreign(s, total, parameters)
    broken = next(
        (name for name, g in found.items() if g is not None and not bool(torch.isfinite(g).all())), None
    )
    if broken:
        yield Finding(
            "not finite", WRONG, f"The gradient of {broken} has NaN or inf, though the outputs are finite.",
            *_nan_source(s, total), lesson="05",
        )  # fmt: skip
        return
    missing = [name for name, gradient in found.items() if gradient is None]
    missing = _unread_by_loss(s, run_, missing, learning)
    zero = [name for name, gradient in found.items() if gradient is not None and not bool(gradient.any())]
    yield from _missing(s, run_, missing, learning)
    yield from _unused_by_loss(s, run_, [name for name, g in found.items() if g is not None], learning)
    yield from _zero(s, zero, found)


def _trained(s: Subject) -> tuple[Any, Tensor | None]:
    """Return a run in train mode, and a random weighting of its outputs, or if that is none, the loss."""
    try:
        found = s.probe.run(train=True, record=True)
    except Exception as error:
        s.gaps.append(f"parameters (in train mode the model raises {type(error).__name__})")
        return None, None
    total = s.summed(found)
    if s.probe.loss is not None and total is None:
        try:
            target = s.inputs.target
            total, _ = s.probe.loss_of(found.returned, None if target is None else target.value)
        except Exception:
            return found, None
    return found, total if total is not None and total.requires_grad else None


def _unread_by_loss(s: Subject, run_: Any, missing: list[str], learning: Mapping[str, Tensor]) -> list[str]:
    """Return those of the missing parameters that get no gradient from the loss either; a CRF's get one."""
    if not missing or s.probe.loss is None:
        return missing
    try:
        loss, _ = s.probe.loss_of(run_.returned, criterion.target_of(s))
        found = s.probe.gradients(loss, [learning[name] for name in missing], keep=True)
    except Exception:  # the loss refuses these outputs, or has no gradient
        return missing
    return [name for name, gradient in zip(missing, found, strict=True) if gradient is None]


def _unused_by_loss(
    s: Subject, run_: Any, reached: list[str], learning: Mapping[str, Tensor]
) -> Iterator[Finding]:
    """Ask about parameters that the outputs depend on, but to which the loss sends no gradient at all."""
    if s.loss is None or s.probe.loss is None or not reached:
        return
    try:
        loss, _ = s.probe.loss_of(run_.returned, criterion.target_of(s))
        gradients = s.probe.gradients(loss, [learning[name] for name in reached], keep=True)
    except Exception:  # the loss refuses these outputs, or has no gradient
        return
    names = [name for name, gradient in zip(reached, gradients, strict=True) if gradient is None]
    if not names or len(names) == len(reached):
        return
    them = "parameter reaches" if len(names) == 1 else "parameters reach"
    get = "gets" if len(names) == 1 else "get"
    yield Finding(
        "parameter without gradient",
        QUESTION,
        f"{len(names)} {them} the outputs, but {get} no gradient from the loss: {', '.join(names[:3])}"
        + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        + ". Does the loss detach or leave out an output that should train?",
        module=names[0].rpartition(".")[0],
        numbers={"count": float(len(names))},
        lesson="15",
    )


# ---- not registered


def _unregistered(s: Subject) -> Iterator[Finding]:
    """Find modules and parameters in a plain list, tuple or dict, which model.parameters() does not see."""
    known = {id(p) for p in s.model.parameters()}
    modules = dict(s.probe.modules)
    for loss in (s.probe.loss, getattr(s.probe.loss, "__self__", None)):
        if isinstance(loss, nn.Module) and loss is not s.model:
            known |= {id(p) for p in loss.parameters()}
            modules |= {f"{type(loss).__name__}.{name}".rstrip("."): m for name, m in loss.named_modules()}
    for name, module in modules.items():
        for key, value in vars(module).items():
            if key in ("_parameters", "_buffers", "_modules"):
                continue
            loose = [p for p in _parameters_in(value, 0) if id(p) not in known]
            if loose:
                path = f"{name}.{key}".lstrip(".")
                count = sum(p.numel() for p in loose)
                kind = type(value).__name__
                what = (
                    f"a {kind}" if isinstance(value, list | tuple | dict) else f"an attribute of class {kind}"
                )
                better = "nn.ModuleDict" if isinstance(value, dict) else "nn.ModuleList or nn.ParameterList"
                yield Finding(
                    "unregistered",
                    WRONG,
                    f"{path} holds {count} weights in {what}, where model.parameters() does not see them: "
                    f"no optimizer trains them, and no state_dict saves them. Use {better}.",
                    place_of(s, path),
                    name,
                    numbers={"weights": float(count)},
                    lesson="15",
                    by="It is set",
                )
                return


def _parameters_in(value: Any, depth: int) -> Iterator[Tensor]:
    if isinstance(value, nn.Module):
        yield from (p for p in value.parameters() if p.requires_grad)
    elif isinstance(value, Tensor):
        if value.requires_grad and value.is_leaf:
            yield value
    elif depth < 3 and isinstance(value, dict):
        for item in value.values():
            yield from _parameters_in(item, depth + 1)
    elif depth < 3 and isinstance(value, list | tuple):
        for item in value:
            yield from _parameters_in(item, depth + 1)


def _foreign(s: Subject, total: Tensor, parameters: Mapping[str, Tensor]) -> Iterator[Finding]:
    """Find leaves of the graph that require a gradient but are not parameters of the model."""
    known = {id(p) for p in parameters.values()}
    seen: set[Any] = set()
    waiting = [total.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor) and id(leaf) not in known and leaf.requires_grad and leaf.numel() > 0:
            call = next(
                (c for c in s.base.tape.calls if any(_is_loose(a, leaf, known) for a in c.args)), None
            )
            path = _attribute_from(s, leaf)
            place, by = (call.place, f"Used by {call.name}") if call else (None, "")
            if path is not None:
                place, by = place_of(s, path) or place, "It is set"
            yield Finding(
                "unregistered",
                WRONG,
                f"A tensor {tuple(leaf.shape)} has a gradient but is not a parameter of the model, so no "
                "optimizer trains it. "
                + (
                    f"{path} is computed from it: make {path} itself the nn.Parameter."
                    if path is not None
                    else "Is it created in each call, or stored outside the model?"
                ),
                place,
                call.module if call else "" if path is None else path.rpartition(".")[0],
                lesson="15",
                by=by,
            )
            return
        waiting += [parent for parent, _ in node.next_functions]


def _attribute_from(s: Subject, leaf: Tensor) -> str | None:
    """Return the attribute that was computed from this leaf before any call, as by nn.Parameter(…).repeat."""
    for name, module in s.probe.modules.items():
        for key, value in vars(module).items():
            if isinstance(value, Tensor) and not value.is_leaf and id(leaf) in leaves_of(value):
                return f"{name}.{key}".lstrip(".")
    return None


def _is_loose(arg: Tensor, leaf: Tensor, known: set[int]) -> bool:
    return arg.is_leaf and arg.requires_grad and id(arg) not in known and arg.shape == leaf.shape


def _nan_source(s: Subject, total: Tensor) -> tuple[Any, str]:
    """Return the line of the first function whose gradient has NaN, found with autograd's anomaly mode."""
    recorded = s.probe.run(train=True, record=True)
    again = s.summed(recorded)
    if again is None:
        return None, ""
    try:
        with torch.autograd.set_detect_anomaly(True):
            learning = [p for p in s.model.parameters() if p.requires_grad]
            s.probe.gradients(again, learning)
    except RuntimeError as error:
        name = str(error).split("'")[1] if "'" in str(error) else ""
        for call in reversed(recorded.tape.calls):
            if any(type(r.grad_fn).__name__ == name for r in call.results if r.grad_fn is not None):
                return call.place, call.module
    return None, ""


# ---- no gradient, zero gradient


def _missing(s: Subject, run: Any, missing: list[str], learning: Mapping[str, Tensor]) -> Iterator[Finding]:
    if not missing:
        return
    or_loss = "" if s.loss is None else ", nor from the loss"
    recorded = [arg for call in s.base.tape.calls if call.with_graph for arg in call.args]
    frozen = {id(arg) for call in s.base.tape.calls if not call.with_graph for arg in call.args}
    recurrent = {call.module: call.with_graph for call in s.base.tape.calls if call.function is None}
    inside = {
        id(p) for call in s.base.recurrent for p in call.module.parameters() if recurrent.get(call.name, True)
    }
    frozen |= {
        id(p)
        for call in s.base.recurrent
        for p in call.module.parameters()
        if not recurrent.get(call.name, True)
    }
    used = {id(arg) for arg in recorded} | (inside - frozen)
    dropped = _dropped_by_call(s, missing)
    if dropped:
        yield _left_out_by_call(dropped)
        missing = [name for name in missing if name not in dropped]
    for level, names, why in (
        (
            WRONG,
            [n for n in missing if id(learning[n]) in used],
            "they are used, but their results do not reach an output, or the graph is cut",
        ),
        (QUESTION, [n for n in missing if id(learning[n]) in frozen - used], "they run under no_grad"),
        (QUESTION, [n for n in missing if id(learning[n]) not in used | frozen], "no call uses them"),
    ):
        if names and level == WRONG and (call := _cut_off(s, [learning[n] for n in names])) is not None:
            them = "parameter gets" if len(names) == 1 else "parameters get"
            told = any(
                f.kind == "gradient cut" and f.level == WRONG for f in s.found
            )  # this finding follows from it
            yield Finding(
                "parameter without gradient" if told else "gradient cut",
                WRONG,
                f"{len(names)} {them} no gradient from any output{or_loss}: {', '.join(names[:3])}"
                + (f" and {len(names) - 3} more" if len(names) > 3 else "")
                + f". Values pass through {call.name}, gradients do not.",
                call.place,
                names[0].rpartition(".")[0],
                numbers={"count": float(len(names))},
                lesson="15",
                by=f"Cut by {call.name}",
            )
        elif names:
            owner = names[0].rpartition(".")[0]
            place = place_of(s, owner) or place_of(s, names[0])
            by = "It is set"
            if level == WRONG:
                unread = _unread_result(s, {id(learning[name]) for name in names})
                place = None if unread is None else _line_of(s, unread, set(names))
                by = "" if unread is None else f"Nothing reads the result of {unread.name}"
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            them = "parameter gets" if len(names) == 1 else "parameters get"
            yield Finding(
                "parameter without gradient",
                level,
                f"{len(names)} {them} no gradient from any output{or_loss}: {shown} ({why})."
                + (" Is this intended?" if level == QUESTION else ""),
                place,
                module=names[0].rpartition(".")[0],
                numbers={"count": float(len(names))},
                lesson="15",
                by=by,
            )


def _dropped_by_call(s: Subject, missing: list[str]) -> list[str]:
    """Return those of the missing parameters that an output of forward depends on, but not call's result.

    It does not explain a parameter whose values reach call's result without their gradient.
    """
    if not s.probe.has_call:
        return []
    try:
        outputs = s.probe.own_outputs()
    except Exception:  # the model refuses train mode
        return []
    parameters = dict(s.model.named_parameters())
    reached = set[int]().union(*(leaves_of(out) for out in outputs))
    return [
        name
        for name in missing
        if id(parameters[name]) in reached and _cut_off(s, [parameters[name]]) is None
    ]


def _left_out_by_call(names: list[str]) -> Finding:
    them = "parameter gets" if len(names) == 1 else "parameters get"
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return Finding(
        "parameter without gradient",
        QUESTION,
        f"{len(names)} {them} no gradient from what your call= returns: {shown}. The model returns an output "
        "that depends on them, and your call= leaves it out. Is this intended?",
        module=names[0].rpartition(".")[0],
        numbers={"count": float(len(names))},
        lesson="15",
    )


def _unread_result(s: Subject, parameters: set[int]) -> Call | None:
    """Return the first call that depends on these parameters and whose result no call and no output reads."""
    calls = s.base.tape.calls
    relevant = Story(calls, []).relevant(s.base.outputs)
    owners = {name for name, m in s.probe.modules.items() if any(id(p) in parameters for p in m.parameters())}
    made: set[int] = set()
    chain = []
    for i, call in enumerate(calls):
        inside = call.function is None and call.module in owners
        reads = any(id(a) in parameters or a.untyped_storage().data_ptr() in made for a in call.args)
        if i not in relevant and call.results and (inside or reads):
            chain.append(i)
            made |= {r.untyped_storage().data_ptr() for r in call.results}
    for i in chain:
        results = {r.untyped_storage().data_ptr() for r in calls[i].results}
        if not any(a.untyped_storage().data_ptr() in results for c in calls[i + 1 :] for a in c.args):
            return calls[i]
    return None


def _line_of(s: Subject, call: Call, missing: set[str]) -> Place | None:
    """Return the call's line, or if its whole module learns nothing, the line that calls the module."""
    module = s.probe.modules.get(call.module)
    if module is None or call.caller is None or not call.module:
        return call.place
    whole = all(f"{call.module}.{name}" in missing for name, _ in module.named_parameters())
    return call.caller if whole else call.place


def _cut_off(s: Subject, parameters: list[Tensor]) -> Call | None:
    """Return the call that passes values but no gradient and depends on one of these parameters."""
    wanted = {id(p) for p in parameters}
    for call in s.cuts:
        if any(arg.requires_grad and wanted & leaves_of(arg) for arg in call.args):
            return call
    return None


def _frozen(s: Subject, names: list[str], count: int) -> Finding:
    """Report frozen parameters: a fact, or a question if only embeddings are frozen."""
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    embeddings = [(name, m) for name, m in s.probe.modules.items() if isinstance(m, nn.Embedding)]
    tables = [name for name, m in embeddings if not m.weight.requires_grad]
    if not tables or len(names) > len(tables):
        are = "parameter is" if len(names) == 1 else "parameters are"
        return Finding("frozen", FACT, f"{len(names)} of {count} {are} frozen: {shown}.")
    place = place_of(s, tables[0])
    return Finding(
        "frozen",
        QUESTION,
        f"{shown} is frozen. Is this intended? nn.Embedding.from_pretrained freezes by default: pass "
        "freeze=False to train it.",
        place,
        tables[0],
        lesson="15",
        by="It is set",
    )


def _zero(s: Subject, zero: list[str], found: dict[str, Tensor | None]) -> Iterator[Finding]:
    zero = [name for name in zero if not _may_be_zero(s, name)]
    if not zero:
        return
    if len(zero) < len([g for g in found.values() if g is not None]) and _moves_later(s, zero, found):
        names = ", ".join(zero[:3])
        yield Finding(
            "zero start", FACT, f"{names}: the gradient is 0 now, but not after a step.", lesson="15"
        )
        return
    names = ", ".join(zero[:3]) + (f" and {len(zero) - 3} more" if len(zero) > 3 else "")
    values = dict(s.model.named_parameters())
    at_zero = [name for name in zero if not bool(values[name].any())]
    still = any("weight" in name for name in at_zero)
    if still:
        names = ", ".join(at_zero[:3]) + (
            f" and {len(zero) - len(at_zero[:3])} more" if len(zero) > len(at_zero[:3]) else ""
        )
    kind = "zero start" if still else (
        "parameter without gradient")  # fmt: skip
    why = (
        "they start at zero and stay there"
        if kind == "zero start"
        else "even after a step of all other parameters"
    )
    call, other = _user_of(s, zero[0]) if kind != "zero start" else (None, "")
    yield Finding(
        kind,
        WRONG,
        f"The gradient of {names} is exactly 0 ({why}).{other}",
        call.place if call else None,
        module=zero[0].rpartition(".")[0],
        numbers={"count": float(len(zero))},
        lesson="15",
        by=f"Used by {call.name}" if call else "",
    )


def _user_of(s: Subject, name: str) -> tuple[Call | None, str]:
    """Return the first call that uses a parameter, and a sentence if all multiply it by zeros."""
    parameter = dict(s.model.named_parameters())[name]
    calls = [call for call in s.base.tape.calls if any(arg is parameter for arg in call.args)]
    if not calls:
        return None, ""
    others = [
        value
        for call in calls
        for arg, value in zip(call.args, call.before, strict=True)
        if arg is not parameter and value.is_floating_point() and not isinstance(arg, nn.Parameter)
    ]
    if not others or any(bool(value.any()) for value in others):
        return calls[0], ""
    times = all(call.name in PRODUCTS for call in calls)
    return calls[0], f" In each of {len(calls)} calls {name} is multiplied by zeros." if times else ""


def _may_be_zero(s: Subject, name: str) -> bool:
    """Return whether a zero gradient is normal: W_hh if the state was always zero, a cancelled bias."""
    if "weight_hh" in name or "weight_hr" in name:
        owner = name.rpartition(".")[0]
        return all(
            (call.output is None and not any(bool(v.any()) for v in call.state_values))
            or (call.output is not None and s.T == 1)
            for call in s.base.recurrent
            if call.name == owner or call.name == type(s.model).__name__
        )
    module = s.probe.modules.get(name.rpartition(".")[0])
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear) and name.endswith("bias"):
        # a normalisation or softmax after it cancels a bias, up to rounding
        return True
    return isinstance(module, nn.MultiheadAttention) and "bias" in name


def _moves_later(s: Subject, zero: list[str], found: dict[str, Tensor | None]) -> bool:
    """Return whether the gradient becomes nonzero after steps of the other parameters; then restore them."""
    values = {name: p for name, p in s.model.named_parameters() if found.get(name) is not None}
    saved = {name: p.data.clone() for name, p in values.items()}
    try:
        for _ in range(3):
            moves = {name: g for name, g in found.items() if g is not None}
            for name, gradient in moves.items():
                size = float(gradient.abs().max()) or 1.0
                values[name].data.add_(gradient, alpha=-0.01 / size)
            _, total = _trained(s)
            if total is None:
                return True
            fresh = s.probe.gradients(total, list(values.values()))
            found = dict(zip(values, fresh, strict=True))
            if all((g := found[name]) is not None and bool(g.any()) for name in zero):
                return True
    finally:
        for name, p in values.items():
            p.data.copy_(saved[name])
    return False
