"""Exercise set 03: the true answers against torch.nn, and honest ways to each task."""

import torch
from honest import ways
from torch import nn

from rnncourse.checks import shapes

# ---- the truth: every shape is torch's own


PREDICTED = "layer_shapes", "batch_first_shapes", "unbatched_shapes"
ORACLES = ways("""
layer_shapes: torch's layer
    rnn = nn.RNN(10, 4)
    output, h_n = rnn(torch.zeros(9, 2, 10))
    weights = {"weight_ih_l0": rnn.weight_ih_l0.shape, "weight_hh_l0": rnn.weight_hh_l0.shape}
    return {"output": output.shape, "h_n": h_n.shape} | weights
batch_first_shapes: torch's layer
    rnn = nn.RNN(5, 8, num_layers=2, batch_first=True)
    x, h_0 = torch.zeros(4, 11, 5), torch.zeros(2, 4, 8)
    output, h_n = rnn(x, h_0)
    shown = {"input": x, "output": output, "last_step": output[:, -1], "h_0": h_0, "h_n": h_n}
    return {name: tensor.shape for name, tensor in shown.items()}
unbatched_shapes: torch's layer and cell
    rnn, cell = nn.RNN(3, 7, num_layers=2), nn.RNNCell(3, 7)
    output, h_n = rnn(torch.zeros(10, 3))
    cells = {"cell_batch": cell(torch.zeros(4, 3)).shape, "cell_single": cell(torch.zeros(3)).shape}
    return {"output": output.shape, "h_n": h_n.shape, "misread_h_n": rnn(torch.zeros(4, 3))[1].shape} | cells
time_first: in NumPy
    return np.stack([rows.numpy()[t::T] for t in range(T)])
arrange: NumPy's einsum
    found = np.einsum(f"{axes}->{''.join(letter for letter in wanted if letter in axes)}", x.numpy())
    for k, letter in enumerate(wanted):
        found = found if letter in axes else np.expand_dims(found, k)
    return found.copy()
""")


def test_there_are_fourteen_of_them_and_their_sizes_all_differ():
    truths = [getattr(shapes, name).truth for name in PREDICTED]
    assert sum(map(len, truths)) == 14
    # The sizes of each task: no two of its letters have one number, so no slip is right by luck.
    for sizes in ([9, 2, 10, 4, 1], [4, 11, 5, 8, 2], [10, 3, 7, 4, 2]):
        assert len(set(sizes)) == len(sizes)


def test_the_outcomes_are_what_happens():
    rnn, cell = nn.RNN(6, 5, batch_first=True), nn.RNNCell(6, 5)
    x = torch.randn(4, 7, 6)
    x_t = x.transpose(0, 1).contiguous()  # time first
    wanted, state = rnn(x)
    calls = {  # what is called, and what should come out
        "a": (lambda: rnn(x, torch.zeros(1, 4, 5))[0], wanted),
        "b": (lambda: rnn(x, torch.zeros(4, 1, 5))[0], wanted),
        "c": (lambda: rnn(x_t)[0], wanted.transpose(0, 1)),
        "d": (lambda: rnn(x_t.reshape(4, 7, 6))[0], wanted),
        "e": (lambda: rnn(x_t.transpose(0, 1))[0], wanted),
        "f": (lambda: rnn(x[0])[0], wanted[0]),
        "g": (lambda: rnn(x[:, 0])[0], wanted[:, 0]),
        "h": (lambda: cell(x), state[0]),
    }
    for name, (call, right) in calls.items():
        try:
            found = call()
        except (RuntimeError, ValueError):
            outcome = "raises"
        else:
            assert found.shape == right.shape  # what is wrong in silence has the shape that one hopes for
            outcome = "right" if torch.allclose(found, right, atol=1e-6) else "silent"
        assert outcome == shapes.outcomes.truth[name], name


def test_expected_shapes_are_those_of_the_call():
    for seed in range(3):
        for case in shapes.expected_shapes.cases(seed):
            plan, T, B = case.arguments.values()
            module = plan.build()
            expected = shapes.expected_shapes.truth(module, T, B)
            output, h_n = module(torch.zeros(expected["input"], dtype=torch.float64))
            weight = getattr(module, f"weight_ih_l{module.num_layers - 1}")
            found = [output.shape, h_n.shape, weight.shape]
            assert [expected[name] for name in ("output", "h_n", "weight_ih")] == found
            assert (B is None) == (len(expected["input"]) == 2)


def predictions(truth):
    """As a function, as lists, as torch.Size."""
    as_lists = {name: list(shape) for name, shape in truth.items()}
    as_sizes = {name: torch.zeros(shape).shape for name, shape in truth.items()}
    return [lambda: dict(truth), as_lists, lambda: as_sizes, list(truth.values())]


HONEST = ways("""
outcomes: in capitals
    return {k: v.upper() for k, v in shapes.outcomes.truth.items()}
time_first: chunks
    return torch.stack(rows.split(T), dim=1)
time_first: strides
    return torch.stack([rows[t::T] for t in range(T)])
time_first: loop
    B = len(rows) // T
    x = rows.new_empty(T, B, rows.shape[1])
    for b in range(B):
        for t in range(T):
            x[t, b] = rows[b * T + t]
    return x
time_first: numpy
    return torch.from_numpy(rows.numpy().reshape(-1, T, rows.shape[1]).swapaxes(0, 1))
arrange: einsum
    there = "".join(letter for letter in wanted if letter in axes)
    x = torch.einsum(f"{axes}->{there}", x)
    return x[tuple(slice(None) if letter in axes else None for letter in wanted)]
arrange: moved
    axes = list(axes)
    for k, letter in enumerate(wanted):
        if letter in axes:
            x = x.movedim(axes.index(letter), k)
            axes.remove(letter)
        else:
            x = x.unsqueeze(k)
        axes.insert(k, letter)
    return x
expected_shapes: from the weights
    H = module.weight_hh_l0.shape[1]
    steps = [T] if B is None else [B, T] if module.batch_first else [T, B]
    states = [module.num_layers] if B is None else [module.num_layers, B]
    return {"input": (*steps, module.weight_ih_l0.shape[1]), "output": (*steps, H), "h_n": (*states, H),
        "weight_ih": getattr(module, f"weight_ih_l{module.num_layers - 1}").shape}
expected_shapes: step by step
    H = module.hidden_size
    steps = [T, B]
    if module.batch_first:
        steps.reverse()
    found = [[*steps, module.input_size], [*steps, H], [module.num_layers, B, H]]
    found = [[size for size in shape if size is not None] for shape in found]
    return *found, [H, H if module.num_layers > 1 else module.input_size]
""")
HONEST |= {name: predictions(getattr(shapes, name).truth) for name in PREDICTED}
