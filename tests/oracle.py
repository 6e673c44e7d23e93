"""torch.nn is the oracle.

The same weights, input, state and upstream gradients go through a module of ours and through torch's; every
output, state and gradient is then compared by name. Weights and states are random and all sizes differ, so
that no two axes, gates or states can be exchanged unnoticed.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import rnncourse

T, B, I, H, P = 5, 7, 8, 11, 9  # none equals another, nor a product of layers (1 to 3) and directions (1, 2)
LENGTHS = [2, 5, 1, 4, 5, 3, 2]  # of B sequences, not sorted, two of them of the full T

LAYERS = ("RNN", "LSTM", "GRU")
CELLS = ("RNNCell", "LSTMCell", "GRUCell")
VARIANTS = {  # each equation that a layer can have
    "RNN-tanh": ("RNN", {}),
    "RNN-relu": ("RNN", {"nonlinearity": "relu"}),
    "LSTM": ("LSTM", {}),
    "LSTM-proj": ("LSTM", {"proj_size": P}),
    "GRU": ("GRU", {}),
}
FORMS = ("dense", "batch_first", "unbatched", "sorted", "unsorted")

# Largest difference allowed, relative to the largest entry of torch's tensor.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2}


def pair(kind: str, input_size: int = I, hidden_size: int = H, *, dtype=torch.float64, **options):
    """A module of ours and torch's with the same random weights."""
    torch.manual_seed(0)
    theirs = getattr(nn, kind)(input_size, hidden_size, dtype=dtype, **options)
    mine = getattr(rnncourse, kind)(input_size, hidden_size, dtype=dtype, **options)
    mine.load_state_dict(theirs.state_dict())
    return mine, theirs


def random(*shape: int, dtype=torch.float64, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def sequence(form: str, dtype=torch.float64) -> Tensor | PackedSequence:
    """A layer's input in one of FORMS."""
    x = random(T, B, I, dtype=dtype)  # (T, B, I)
    match form:
        case "dense":
            return x
        case "batch_first":
            return x.transpose(0, 1).contiguous()
        case "unbatched":
            return x[:, 0].contiguous()
        case "sorted":
            return pack_padded_sequence(x, sorted(LENGTHS, reverse=True))
        case "unsorted":
            return pack_padded_sequence(x, LENGTHS, enforce_sorted=False)
    raise ValueError(f"form: {form!r} is none of {FORMS}")


def states(kind: str, *shape: int, c_size: int | None = None, dtype=torch.float64):
    """A random hx of this shape: one tensor, or for an LSTM (h, c) in which c may have another last axis."""
    h = random(*shape, dtype=dtype, seed=2)
    if not kind.startswith("LSTM"):
        return h
    return h, random(*shape[:-1], c_size or shape[-1], dtype=dtype, seed=3)


def states_for(module: nn.Module, batch: int | None = B):
    """A random hx of the shape that this layer wants (batch None: unbatched)."""
    rows = module.num_layers * (2 if module.bidirectional else 1)
    shape = (rows, module.proj_size or module.hidden_size)
    if batch is not None:
        shape = (rows, batch, shape[-1])
    dtype = next(module.parameters()).dtype
    return states(type(module).__name__, *shape, c_size=module.hidden_size, dtype=dtype)


def run(module, input, hx=None, upstream: tuple[str, ...] | None = None) -> dict[str, Tensor | None]:
    """Outputs by name, then "d" + name for the gradient of the input, each state and each parameter.

    The upstream gradients are random; `upstream` names the outputs that receive one, None means all of them.
    """
    leaves: dict[str, Tensor] = {}

    def leaf(name: str, tensor: Tensor) -> Tensor:
        leaves[name] = tensor.detach().requires_grad_()  # detach keeps the strides
        return leaves[name]

    if isinstance(input, PackedSequence):
        input = input._replace(data=leaf("input", input.data))
    else:
        input = leaf("input", input)
    if isinstance(hx, Tensor):
        hx = leaf("h_0", hx)
    elif hx is not None:
        hx = leaf("h_0", hx[0]), leaf("c_0", hx[1])

    outputs = by_name(module, module(input) if hx is None else module(input, hx))
    leaves |= {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
    ends = {name: outputs[name] for name in upstream or outputs}
    gradients = torch.autograd.grad(
        list(ends.values()),
        list(leaves.values()),
        [random(*end.shape, dtype=end.dtype, seed=10 + i) for i, end in enumerate(ends.values())],
        allow_unused=True,
    )
    return outputs | {f"d{name}": gradient for name, gradient in zip(leaves, gradients, strict=True)}


def by_name(module: nn.Module, result) -> dict[str, Tensor]:
    """What this cell or layer returned, as a dict of tensors (a packed output as its data)."""
    if isinstance(result, Tensor):  # RNNCell, GRUCell
        return {"h": result}
    if type(module).__name__.endswith("LSTMCell"):
        return {"h": result[0], "c": result[1]}
    output, last = result
    output = output.data if isinstance(output, PackedSequence) else output
    last = {"h_n": last} if isinstance(last, Tensor) else {"h_n": last[0], "c_n": last[1]}
    return {"output": output} | last


def assert_same(ours: dict, theirs: dict, tolerance: float | None = None) -> None:
    """The same names, shapes, dtypes and, within the tolerance (None: TOLERANCE of the dtype), numbers."""
    assert list(ours) == list(theirs)
    for name, mine in ours.items():
        wanted = theirs[name]
        if mine is None or wanted is None:
            assert mine is wanted, f"{name}: ours is {mine}, torch's is {wanted}"
            continue
        assert mine.shape == wanted.shape, (
            f"{name}: ours is {tuple(mine.shape)}, torch's {tuple(wanted.shape)}"
        )
        assert mine.dtype == wanted.dtype, f"{name}: ours is {mine.dtype}, torch's {wanted.dtype}"
        if mine.numel() and mine.device.type != "meta":
            allowed = TOLERANCE[mine.dtype] if tolerance is None else tolerance
            difference, scale = (mine - wanted).abs().max().item(), wanted.abs().max().item()
            assert difference <= allowed * scale, (
                f"{name}: differs by {difference:.1e}, its largest is {scale:.1e}"
            )


def assert_layer_agrees(
    variant: str, form: str = "dense", given: bool = True, *, dtype=torch.float64, **options
) -> None:
    """One layer of ours against torch's: outputs, states, all gradients and the packing of the output."""
    kind, more = VARIANTS[variant]
    mine, theirs = pair(kind, dtype=dtype, batch_first=form == "batch_first", **more, **options)
    input = sequence(form, dtype)
    hx = states_for(theirs, None if form == "unbatched" else B) if given else None
    assert_same(run(mine, input, hx), run(theirs, input, hx))
    if isinstance(input, PackedSequence):
        output, wanted = mine(input, hx)[0], theirs(input, hx)[0]
        assert isinstance(output, PackedSequence)
        for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
            one, other = getattr(output, name), getattr(wanted, name)
            assert (one is None) == (other is None), f"{name}: ours is {one}, torch's {other}"
            assert one is None or torch.equal(one, other), f"{name}: ours is {one}, torch's {other}"


def assert_cell_agrees(kind: str, given: bool = True, *, dtype=torch.float64, **options) -> None:
    """One cell of ours against torch's, on a batch and on a single row."""
    mine, theirs = pair(kind, dtype=dtype, **options)
    for rows in ((B,), ()):
        input = random(*rows, I, dtype=dtype)
        hx = states(kind, *rows, H, dtype=dtype) if given else None
        assert_same(run(mine, input, hx), run(theirs, input, hx))


def assert_dropout_agrees(
    kind: str, form: str = "dense", *, training=True, dropout=0.5, dtype=torch.float64
) -> None:
    """From one seed, three layers of ours drop what torch's drop: between layers, never after the last."""
    options = {"num_layers": 3, "bidirectional": True, "batch_first": form == "batch_first"}
    results = []
    for layer in pair(kind, dropout=dropout, dtype=dtype, **options):
        torch.manual_seed(6)
        results.append(run(layer.train(training), sequence(form, dtype)))
    assert_same(*results)


def assert_starts_as_torchs(kind: str, **options) -> None:
    """Parameters' names, order, shapes and, from the same seed, numbers; and what is drawn after them."""
    started = []
    for library in (rnncourse, nn):
        torch.manual_seed(3)
        module = getattr(library, kind)(I, H, **options)
        started.append([module, torch.rand(1)])
    (mine, after), (theirs, wanted) = started
    assert torch.equal(after, wanted)
    assert_parameters_equal(mine, theirs)
    for module in (mine, theirs):
        torch.manual_seed(4)
        module.reset_parameters()
    assert_parameters_equal(mine, theirs)


def assert_parameters_equal(ours: nn.Module, theirs: nn.Module) -> None:
    """Names in their order, shapes, dtypes and numbers, to the last bit."""
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert_same(ours.state_dict(), theirs.state_dict(), tolerance=0)
