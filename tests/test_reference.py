"""The backward passes by hand, checked three ways: finite differences, autograd on the steps, torch's layers.

Every check compares all outputs and the gradients of all arguments, by name, under random upstream gradients
of all outputs. States are not zero and all sizes differ.
"""

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from oracle import assert_same, random
from torch.func import functional_call
from torch.nn.functional import linear

import rnncourse
from rnncourse import reference, steps

T, B, I, H = 4, 2, 5, 3  # small, for the finite differences
VARIANTS = {
    "tanh": ("rnn", {}),
    "relu": ("rnn", {"nonlinearity": "relu"}),
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
    "gru of the paper": ("gru", {"reset_after": False}),
}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
ROWS = {"batch": (B,), "one row": ()}


# The module under test, on one step or on a sequence


def draw(variant, scale, rows):
    """Random arguments by name, and upstream gradients of all outputs, for a "step" or a "sequence"."""
    cell, _ = VARIANTS[variant]
    M = GATES[cell] * H
    x, *states = {"step": ("x_t", "h", "c"), "sequence": ("x", "h_0", "c_0")}[scale]
    outputs = [(*rows, H)] * (2 if cell == "lstm" else 1)
    shapes = {x: (*rows, I)} | dict(zip(states, outputs, strict=False))
    if scale == "sequence":
        shapes[x] = (T, *rows, I)
        outputs = [(T, *rows, H), *outputs]
    shapes |= {"weight_ih": (M, I), "weight_hh": (M, H), "bias_ih": (M,), "bias_hh": (M,)}
    arguments = {name: random(*shape, seed=20 + i).numpy() for i, (name, shape) in enumerate(shapes.items())}
    return arguments, [random(*shape, seed=40 + i).numpy() for i, shape in enumerate(outputs)]


def forward(module, variant, scale, arguments):
    """Outputs, and what the backward wants to be given beside the upstream gradients."""
    cell, options = VARIANTS[variant]
    step = getattr(module, f"{cell}_step")
    if scale == "step":
        *outputs, kept = step(**arguments, **options)
        return outputs, kept
    x, *state = (value for name, value in arguments.items() if name not in WEIGHTS)
    output, last, kept = module.sequence(step, weights(arguments), x, *state, **options)
    return [output, *last], kept


def backward(module, variant, scale, arguments, kept, upstream):
    """The gradients by name, "d" + the argument's."""
    step_backward = getattr(module, f"{VARIANTS[variant][0]}_step_backward")
    if scale == "step":
        return step_backward(*upstream, kept, *weights(arguments)[:2])._asdict()
    found = module.sequence_backward(step_backward, weights(arguments), kept, *upstream)._asdict()
    return {"dx": found.pop("dx")} | dict(zip(("dh_0", "dc_0"), found.pop("dstate"), strict=False)) | found


def weights(arguments):
    return tuple(arguments[name] for name in WEIGHTS)


def by_hand(module, variant, scale, arguments, upstream):
    outputs, kept = forward(module, variant, scale, arguments)
    return named(outputs, backward(module, variant, scale, arguments, kept, upstream))


def named(outputs, gradients):
    found = dict(enumerate(outputs)) | gradients
    return {name: torch.as_tensor(value).detach() for name, value in found.items()}


# The three oracles


def by_differences(module, variant, scale, arguments, upstream, epsilon=1e-5):
    """Central differences of Σ outputs * upstream, entry by entry; the error falls with epsilon²."""

    def loss():
        outputs, _ = forward(module, variant, scale, arguments)
        return sum((value * weight).sum() for value, weight in zip(outputs, upstream, strict=True))

    gradients = {}
    for name, value in arguments.items():
        gradients[f"d{name}"] = np.empty_like(value)
        for index in np.ndindex(value.shape):
            centre = value[index]
            value[index] = centre + epsilon
            above = loss()
            value[index] = centre - epsilon
            below = loss()
            value[index] = centre
            gradients[f"d{name}"][index] = (above - below) / (2 * epsilon)
    return named(forward(module, variant, scale, arguments)[0], gradients)


def by_autograd(function, arguments, upstream):
    """`function` takes the arguments as tensors, by name, and returns a tuple of outputs."""
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in arguments.items()}
    outputs = function(**leaves)
    gradients = torch.autograd.grad(outputs, leaves.values(), [torch.as_tensor(value) for value in upstream])
    return named(outputs, {f"d{name}": value for name, value in zip(leaves, gradients, strict=True)})


def torch_step(variant):
    """One step in torch, with the reference's arguments."""
    cell, options = VARIANTS[variant]
    if cell == "lstm":
        return lambda x_t, h, c, **weights: tuple(steps.lstm_step(x_t, (h, c), **weights))
    if variant == "gru of the paper":
        return lambda **arguments: (paper_gru_step(**arguments),)
    return lambda **arguments: (getattr(steps, f"{cell}_step")(**arguments, **options),)


def paper_gru_step(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh):
    ih_r, ih_z, ih_n = linear(x_t, weight_ih, bias_ih).chunk(3, dim=-1)
    (W_hr, W_hz, W_hn), (b_hr, b_hz, b_hn) = weight_hh.chunk(3), bias_hh.chunk(3)
    r = torch.sigmoid(ih_r + linear(h, W_hr, b_hr))
    z = torch.sigmoid(ih_z + linear(h, W_hz, b_hz))
    n = torch.tanh(ih_n + linear(r * h, W_hn, b_hn))
    return (1 - z) * n + z * h


def torch_sequence(variant, library):
    """A layer of torch.nn or of ours, or for the paper's GRU a loop, with the reference's arguments."""
    cell, options = VARIANTS[variant]

    def layer(x, h_0, c_0=None, **weights):
        module = getattr(library, cell.upper())(I, H, dtype=torch.float64, **options)
        parameters = {f"{name}_l0": weight for name, weight in weights.items()}
        hx = h_0[None] if c_0 is None else (h_0[None], c_0[None])
        output, last = functional_call(module, parameters, (x, hx))
        return output, *(state[0] for state in (last if cell == "lstm" else [last]))

    def loop(x, h_0, **weights):
        h, output = h_0, []
        for x_t in x:
            h = paper_gru_step(x_t, h, **weights)
            output.append(h)
        return torch.stack(output), h

    return loop if variant == "gru of the paper" else layer


# The checks, on any module that has the reference's functions


def check_differences(module, variant, scale, rows):
    arguments, upstream = draw(variant, scale, rows)
    mine = by_hand(module, variant, scale, arguments, upstream)
    assert_same(mine, by_differences(module, variant, scale, arguments, upstream), tolerance=1e-8)


def check_autograd(module, variant, scale, rows, library=torch.nn):
    arguments, upstream = draw(variant, scale, rows)
    function = torch_step(variant) if scale == "step" else torch_sequence(variant, library)
    mine = by_hand(module, variant, scale, arguments, upstream)
    assert_same(mine, by_autograd(function, arguments, upstream))


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("scale", ["step", "sequence"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_finite_differences(variant, scale, rows):
    check_differences(reference, variant, scale, ROWS[rows])


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_step_agrees_with_autograd(variant, rows):
    check_autograd(reference, variant, "step", ROWS[rows])


@pytest.mark.parametrize("library", [torch.nn, rnncourse], ids=["torch.nn", "rnncourse"])
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_sequence_agrees_with_the_layer(variant, rows, library):
    check_autograd(reference, variant, "sequence", ROWS[rows], library)


# Faults, planted one at a time in the module's text: the smallest scale and the variants that show it,
# then what is right and what is put in its place.

FAULTS = {
    "1 - h for 1 - h²": ("step", ["tanh"], "lambda h_t: 1 - h_t**2", "lambda h_t: 1 - h_t"),
    "relu's slope is 1 everywhere": ("step", ["relu"], "np.where(h_t > 0", "np.where(h_t >= 0"),
    "h_t where the state before is due": (
        "step",
        ["tanh", "relu"],
        "RNNStep(x_t, h, h_t, nonlinearity)",
        "RNNStep(x_t, h_t, h_t, nonlinearity)",
    ),
    "db averaged over the batch": (
        "step",
        VARIANTS,
        "rows_dy.sum(axis=0)",
        "rows_dy.mean(axis=0)",
    ),
    "do without tanh": ("step", ["lstm"], "do = dh_t * np.tanh(c_t)", "do = dh_t * c_t"),
    "dc_t not through h_t": (
        "step",
        ["lstm"],
        "dc_t = dc_t + dh_t * o * (1 - np.tanh(c_t) ** 2)",
        "dc_t = dc_t",
    ),
    "dc_t not from the next step": ("step", ["lstm"], "dc_t = dc_t + dh_t * o", "dc_t = dh_t * o"),
    "dc not through f": ("step", ["lstm"], "    dc = dc_t * f\n", "    dc = np.zeros_like(c)\n"),
    "di and dg exchanged": ("step", ["lstm"], "[da_i, da_f, da_g, da_o]", "[da_g, da_f, da_i, da_o]"),
    "z the other way round": (
        "step",
        ["gru"],
        "h_t = (1 - z) * n + z * h\n    ret",
        "h_t = z * n + (1 - z) * h\n    ret",
    ),
    "dz with the wrong sign": (
        "step",
        ["gru", "gru of the paper"],
        "dz = dh_t * (h - n)\n    # dn",
        "dz = dh_t * (n - h)\n    # dn",
    ),
    "dhh_n without r": ("step", ["gru"], "dhh_n = dih_n * r\n        # dh", "dhh_n = dih_n\n        # dh"),
    "dh through r * h without r": ("step", ["gru of the paper"], "dh_from_n = drh * r", "dh_from_n = drh"),
    "dh not through z": ("step", ["gru", "gru of the paper"], "dh = dh + dh_from_n", "dh = dh_from_n"),
    "the loss's gradient added at the last step only": (
        "sequence",
        VARIANTS,
        "dh_t = dh_t + doutput_t\n        each",
        "dh_t = dh_t + doutput_t * (not each)\n        each",
    ),
    "dh not carried back": (
        "sequence",
        VARIANTS,
        "_, *dstate, _, _, _, _ = each[-1]",
        "dstate = [np.zeros_like(d) for d in dstate]",
    ),
    "dW from the last step only": (
        "sequence",
        VARIANTS,
        "np.sum([d.dweight_hh for d in each], axis=0)",
        "each[0].dweight_hh",
    ),
    "dx with time reversed": ("sequence", VARIANTS, "for d in reversed(each)", "for d in each"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_check_catches(fault):
    """A planted fault fails both the finite differences and autograd, on each variant that it touches."""
    smallest, variants, right, wrong = FAULTS[fault]
    text = Path(reference.__file__).read_text(encoding="utf-8")
    assert text.count(right) == 1
    faulty = ModuleType("faulty")
    exec(text.replace(right, wrong), faulty.__dict__)
    for variant in variants:
        for scale in {"step": ("step", "sequence"), "sequence": ("sequence",)}[smallest]:
            for check in (check_differences, check_autograd):
                with pytest.raises(AssertionError, match="differs by"):
                    check(faulty, variant, scale, (B,))


@pytest.mark.parametrize("cell", GATES)
def test_each_argument_has_its_gradient_by_name(cell):
    arguments = inspect.signature(getattr(reference, f"{cell}_step")).parameters.values()
    given = [f"d{argument.name}" for argument in arguments if argument.default is argument.empty]
    assert (
        list(inspect.signature(getattr(reference, f"{cell}_step_backward")).return_annotation._fields)
        == given
    )


def test_sigmoid_neither_overflows_nor_differs_from_torchs():
    a = np.array([-1000.0, -30.0, -1.0, 0.0, 1.0, 30.0, 1000.0])
    with np.errstate(all="raise"):
        mine = reference.sigmoid(a)
    assert_same({"σ": torch.from_numpy(mine)}, {"σ": torch.sigmoid(torch.from_numpy(a))})


def test_an_unknown_nonlinearity_is_a_key_error():
    arguments, _ = draw("tanh", "step", (B,))
    with pytest.raises(KeyError, match="sigmoid"):
        reference.rnn_step(**arguments, nonlinearity="sigmoid")


def test_no_torch_here():
    """Run alone, without the package around it, the module brings in NumPy and no torch."""
    program = """if True:
        import runpy, sys
        runpy.run_path(sys.argv[1])
        print([name for name in ("numpy", "torch") if name in sys.modules])
    """
    command = [sys.executable, "-c", program, reference.__file__]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['numpy']"
