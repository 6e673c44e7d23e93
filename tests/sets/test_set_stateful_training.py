"""Exercise set 14: the true answers against autograd and torch.nn, and honest ways to each task."""

import copy
import inspect

import pytest
import torch
import torch.nn.functional as F
from honest import ways
from torch import nn

from rnncourse.checks import stateful_training
from rnncourse.checks.given import stateful_training as given

ORACLES = ways("""
by_hand: autograd
    x, y = torch.tensor([1.0, 0.0, -5.0, 5.0]), torch.tensor([0.0, -1.0, -2.0, 5.0])
    def gradient(cut):
        # cut(s, t): may the loss of step s look back to step t?
        u, total = torch.tensor(2.0, requires_grad=True), 0.0
        for s in range(4):
            h = torch.zeros(())
            for t in range(s + 1):
                h = (u if cut(s, t) else u.detach()) * h + x[t]
            total = total + 0.5 * (h - y[s]) ** 2
        return torch.autograd.grad(total, u)[0].item()
    whole, chunks = gradient(lambda s, t: True), gradient(lambda s, t: s // 2 == t // 2)
    every_step, steps_back = gradient(lambda s, t: s == t), gradient(lambda s, t: s - t < 2)
    return {"whole": whole, "chunks": chunks, "every_step": every_step, "steps_back": steps_back}
train_epoch: the gradient within each chunk, from a constant state that the old weights made
    parameters, losses, state = [*lstm.parameters(), *head.parameters()], [], None
    for x_k, y_k in zip(x.split(K), y.split(K), strict=True):
        output, after = lstm(x_k, state)
        loss = (head(output) - y_k).square().mean()
        gradients = torch.autograd.grad(loss, parameters)
        state = tuple(part.detach() + 0 for part in after)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.data -= optimizer.param_groups[0]["lr"] * gradient
        losses.append(loss.item())
    return losses
read_documents: each document alone
    output, ends = torch.zeros(*x.shape[:2], cell.hidden_size, dtype=x.dtype), []
    for b in range(x.shape[1]):
        borders, row = [t for t in range(len(x)) if begins[t, b]], (state[0][b], state[1][b])
        for begin, end in zip([0, *borders], [*borders, len(x)], strict=True):
            row = None if begin in borders else row
            for t in range(begin, end):
                row = cell(x[t, b], row)
                output[t, b] = row[0]
        ends.append(row)
    return output, tuple(torch.stack(part) for part in zip(*ends, strict=True))
""")


def test_batchify_continues_every_row_in_the_next_chunk():
    for seed in range(3):
        for case in stateful_training.batchify.cases(seed):
            data, B = case.arguments.values()
            rows = stateful_training.batchify.truth(data, B)
            n = len(data) // B
            assert rows.shape == (n, B)
            for K in (1, 2, 3):
                for k, chunk in enumerate(rows.split(K)):
                    for t in range(len(chunk)):
                        assert chunk[t].tolist() == [int(data[b * n + k * K + t]) for b in range(B)]


def graph_size(tensor):
    seen, todo = set(), [tensor.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [before for before, _ in node.next_functions]
    return len(seen)


@pytest.mark.parametrize("loop", "PQRST")
def test_the_five_loops_do_what_the_answers_say(loop, monkeypatch):
    """The largest graph over 2 and over 8 chunks; whether the first step hears of later ones."""
    function, answer = getattr(given, f"loop_{loop.lower()}"), stateful_training.loops.truth[loop]
    torch.manual_seed(0)
    first = next(iter(inspect.signature(function).parameters))
    net = {"lstm": nn.LSTM, "gru": nn.GRU, "cell": nn.GRUCell}[first](2, 3)
    sizes, backward = [], torch.Tensor.backward

    def run(chunks):
        copied = copy.deepcopy(net)
        return function(copied, chunks, torch.optim.SGD(copied.parameters(), lr=0.1))

    def first_gradient(later):
        x_0 = torch.ones(1, 5, 2, requires_grad=True)
        run([torch.cat([x_0, later])])
        return x_0.grad

    same = torch.equal(first_gradient(torch.zeros(3, 5, 2)), first_gradient(torch.ones(3, 5, 2)))
    assert same == (answer == "no past")
    if answer == "fails":
        with pytest.raises(RuntimeError, match="a second time"):
            run(torch.randn(2, 4, 5, 2))
        return

    def watched(tensor, **options):
        sizes.append(graph_size(tensor))
        backward(tensor, **options)

    monkeypatch.setattr(torch.Tensor, "backward", watched)
    largest = []
    for count in (2, 8):
        sizes.clear()
        total = run(torch.randn(count, 4, 5, 2))
        largest.append(max([*sizes, graph_size(total) if isinstance(total, torch.Tensor) else 0]))
    assert (largest[1] > 2 * largest[0]) == (answer == "grows")


def test_the_sources_shown_are_those_that_run():
    names = {}
    exec("import torch\nfrom torch import nn\n" + given.LEAKING + "\n\n" + given.LOOPS, names)
    assert names["Reader"](2, 3, 4)(torch.ones(5, 4, 2)).shape == (5, 4, 3)
    assert all(f"loop_{loop}" in names for loop in "pqrst")


@pytest.mark.parametrize("retain", [False, True])
def test_an_uncut_state_is_told_what_the_error_means(retain):
    words = (
        "The backward pass needs values that were overwritten" if retain else "carried over with its graph"
    )

    def uncut(lstm, head, optimizer, x, y, K):
        state = None
        for x_k, y_k in zip(x.split(K), y.split(K), strict=True):
            output, state = lstm(x_k, state)
            optimizer.zero_grad()
            F.mse_loss(head(output), y_k).backward(retain_graph=retain)
            optimizer.step()

    assert words in str(stateful_training.train_epoch.verdict(uncut))


def test_an_axis_without_a_name_is_said_by_its_letter_alone():
    verdict = stateful_training.batchify.verdict(lambda data, B: data[: len(data) // B * B].view(-1, B).T)
    assert "expected (4, 3): n=4 first, then batch B=3." in str(verdict)


HONEST = ways("""
batchify: loop
    n = len(data) // B
    rows = torch.empty(n, B, dtype=data.dtype)
    for b in range(B):
        rows[:, b] = data[b * n : (b + 1) * n]
    return rows
batchify: stacked
    n = data.numel() // B
    return torch.stack(data.split(n)[:B], dim=1)
batchify: indexed
    n = len(data) // B
    return data[torch.arange(n)[:, None] + n * torch.arange(B)]
batchify: numpy
    n = len(data) // B
    return torch.from_numpy(np.reshape(data.numpy()[: n * B], (n, B), order="F").copy())
detach: cases
    if isinstance(state, torch.Tensor):
        return state.detach()
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*map(detach_cases, state))
    return type(state)(map(detach_cases, state))
detach: cloned
    if torch.is_tensor(state):
        return state.clone().detach()
    return [detach_cloned(part) for part in state]
detach: no grad
    if isinstance(state, torch.Tensor):
        with torch.no_grad():
            return state * 1
    return tuple(detach_no_grad(part) for part in state)
detach: leaf
    # A leaf that asks for a gradient of its own has no past either.
    if isinstance(state, torch.Tensor):
        return state.detach().requires_grad_()
    return tuple(map(detach_leaf, state))
train_epoch: slices
    state = torch.zeros(lstm.num_layers, x.shape[1], lstm.hidden_size, dtype=x.dtype)
    state, losses = (state, state), []
    for begin in range(0, len(x), K):
        optimizer.zero_grad()
        output, (h, c) = lstm(x[begin : begin + K], tuple(part.detach() for part in state))
        loss = ((head(output) - y[begin : begin + K]) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss)
        state = h, c
    return losses
train_epoch: by grad
    parameters = [*lstm.parameters(), *head.parameters()]
    state, losses = None, torch.empty(0, dtype=x.dtype)
    for x_k, y_k in zip(x.split(K), y.split(K), strict=True):
        output, state = lstm(x_k, state)
        loss = nn.MSELoss()(head(output), y_k)
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        optimizer.step()
        for part in state:
            part.detach_()
        losses = torch.cat([losses, loss.detach()[None]])
    return losses
train_epoch: step by step
    # The layer called for each step; cut every K steps.
    state, losses, errors = None, [], []
    for t in range(len(x)):
        output, state = lstm(x[t : t + 1], state)
        errors.append((head(output) - y[t]).square())
        if (t + 1) % K == 0 or t + 1 == len(x):
            loss = torch.cat(errors).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            state, errors = [part.detach() for part in state], []
    return losses
train_epoch: functional
    pieces = zip(torch.split(x, K), torch.split(y, K), strict=True)
    losses, h, c = [], None, None
    for x_k, y_k in pieces:
        out, (h, c) = lstm(x_k) if h is None else lstm(x_k, (h.data, c.data))
        loss = F.mse_loss(F.linear(out, head.weight, head.bias), y_k)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return np.array(losses)
by_hand: whole numbers
    return {"whole": -7, "chunks": -1, "every_step": 7, "steps_back": 1}
by_hand: of other kinds
    return {"whole": torch.tensor(-7.0), "chunks": -1.0, "every_step": np.float64(7), "steps_back": 1.0}
loops: as asked
    return {"P": "fails", "Q": "no past", "R": "grows", "S": "right", "T": "grows"}
loops: spelt freely
    return {"P": "Fails", "Q": "no_past", "R": "grows ", "S": "RIGHT", "T": "grows"}
read_documents: where
    h, c = state
    outputs = torch.empty(*x.shape[:2], cell.hidden_size, dtype=x.dtype)
    for t in range(len(x)):
        new = begins[t].unsqueeze(-1)
        h = torch.where(new, torch.zeros_like(h), h)
        c = c.masked_fill(new, 0)
        h, c = cell(x[t], (h, c))
        outputs[t] = h
    return outputs, h, c
read_documents: in place
    h, c = (part.clone() for part in state)
    outputs = []
    for t, x_t in enumerate(x):
        h, c = h.clone(), c.clone()
        h[begins[t]] = 0
        c[begins[t]] = 0
        h, c = cell(x_t, (h, c))
        outputs += [h]
    return torch.stack(outputs), (h, c)
read_documents: row by row
    outputs, last = [], []
    for b in range(x.shape[1]):
        h, c = state[0][b], state[1][b]
        row = []
        for t in range(x.shape[0]):
            if begins[t, b]:
                h, c = torch.zeros_like(h), torch.zeros_like(c)
            h, c = cell(x[t, b], (h, c))
            row.append(h)
        outputs.append(torch.stack(row))
        last.append((h, c))
    h, c = (torch.stack(parts) for parts in zip(*last, strict=True))
    return torch.stack(outputs, dim=1), (h, c)
Reader: in place
    def __init__(self, input_size, hidden_size, batch_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        self.register_buffer("state", torch.zeros(2, 1, batch_size, hidden_size))
    def reset(self):
        self.state = torch.zeros_like(self.state)
    def forward(self, x):
        output, after = self.lstm(x, tuple(self.state))
        self.state = torch.stack(after).detach()
        return output
Reader: follows
    # No buffers: the state is made anew where the input's dtype says so.
    def __init__(self, *sizes):
        super().__init__()
        self.lstm = nn.LSTM(*sizes[:2])
        self.state = None
    def reset(self):
        self.state = None
    def forward(self, x):
        state = self.state and tuple(s.to(x).detach() for s in self.state)
        output, self.state = self.lstm(x, state)
        return output
Reader: mended
    def __init__(self, input_size, hidden_size, batch_size):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size)
        for name in "hc":
            self.register_buffer(name, torch.zeros(1, batch_size, hidden_size))
    def reset(self):
        self.h.zero_()
        self.c.zero_()
    def forward(self, x):
        output, (h, c) = self.lstm(x, (self.h, self.c))
        self.h, self.c = h.detach().clone(), c.detach().clone()
        return output
""")
