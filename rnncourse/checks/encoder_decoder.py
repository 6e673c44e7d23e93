"""The checks of exercise set 21: an encoder's state, teacher forcing, attention, greedy decoding, a beam."""

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.checks.framework.authoring import (
    Case,
    ExerciseSet,
    Mistakes,
    Score,
    TorchModule,
    Trait,
    cases,
    random_head,
    random_module,
    random_numbers,
    rows,
)

CHECKS = ExerciseSet("21", "Encoder and decoder", forbid=frozenset())
IGNORED = -100

FULL = Trait("no row is padded", "what you do with padded steps")
PADDED = Trait("rows are padded", "what you do where no row is padded")


def _lengths(B, T, full=False):
    """Lengths from T down to 2, not sorted; the first row is the longest."""
    lengths = torch.full((B,), T) if full else torch.linspace(T, 2, B).long()
    return lengths[[0, *range(B - 1, 0, -1)]]


# ---- Task 1, encode: the memory and the last valid state of both directions.
def _encode(gru, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, h_n = gru(packed)
    memory, _ = pad_packed_sequence(output, batch_first=True)
    state = torch.cat([h_n[0], h_n[1]], dim=-1)
    return memory, state


@cases(0.8, "B4 T6 I3 H5; B3 T7 I2 H4 full; B5 T8 I4 H2; B3 T5 I6 H7")
def _encode_cases(numbers, B, T, I, H, full=False):
    gru = random_module("GRU", numbers, input_size=I, hidden_size=H, batch_first=True, bidirectional=True)
    arguments = {"gru": gru, "x": numbers(B, T, I), "lengths": _lengths(B, T, full)}
    return arguments, FULL if full else PADDED


def _one_unit(directions=1):
    """The parameters of a GRU with one input and one unit."""
    weights = {
        "weight_ih": rows([1.0], [0.0], [1.0]),
        "weight_hh": rows([0.0], [1.0], [0.5]),
        "bias_ih": torch.zeros(3, dtype=torch.float64),
        "bias_hh": torch.zeros(3, dtype=torch.float64),
    }
    endings = ("_l0", "_l0_reverse")[:directions]
    return {name + ending: numbers for ending in endings for name, numbers in weights.items()}


wrong = Mistakes("The last valid state", _encode).edits("""
no packing | the rows are not packed: one direction goes on through the padding, the other begins in it.
    - packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    - output, h_n = gru(packed)
    - memory, _ = pad_packed_sequence(output, batch_first=True)
    + memory, h_n = gru(x)
no packing, padding set to 0 | the padding is cleared only afterwards; both directions have read it.
    - packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    - output, h_n = gru(packed)
    - memory, _ = pad_packed_sequence(output, batch_first=True)
    + memory, h_n = gru(x)
    + memory = memory * (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
sorted and not put back | the rows come back sorted by length, not in the order of x.
    - packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    + order = lengths.argsort(descending=True, stable=True)
    + packed = pack_padded_sequence(x[order], lengths[order], batch_first=True)
one step short | the last real step of each row is left out.
    lengths, batch_first => lengths - 1, batch_first
the forward half only | this is the state of the forward direction alone. | [h_n[0], h_n[1]] => [h_n[0]]
the backward half only | this is the state of the backward direction alone. | [h_n[0], h_n[1]] => [h_n[1]]
halves exchanged | the backward half comes first. | [h_n[0], h_n[1]] => [h_n[1], h_n[0]]
reshaped | the shape is right, but a row of the state has the numbers of two rows of the batch. Move the axes
    that you join side by side first, or concatenate.
    torch.cat([h_n[0], h_n[1]], dim=-1) => h_n.reshape(len(x), -1)
halves added | you add the two halves; concatenate them instead of adding.
    torch.cat([h_n[0], h_n[1]], dim=-1) => h_n[0] + h_n[1]
not joined | the two directions are still on an axis of their own; join them side by side.
    torch.cat([h_n[0], h_n[1]], dim=-1) => h_n
below each other | the directions are joined along the batch; join them along the features.
    dim=-1) => dim=0)
the last column | the state is the last column of the memory, which is padding for every shorter row.
    torch.cat([h_n[0], h_n[1]], dim=-1) => memory[:, -1]
the last real step | the state is the memory at each row's last real step. How much has its backward half read
    there?
    torch.cat([h_n[0], h_n[1]], dim=-1) => memory[torch.arange(len(x)), lengths - 1]
the first step | the state is the memory at the first step. How much has its forward half read there?
    torch.cat([h_n[0], h_n[1]], dim=-1) => memory[:, 0]
the mean | the state is the mean of the memory; it should be the last state of each direction.
    torch.cat([h_n[0], h_n[1]], dim=-1) => memory.sum(1) / lengths[:, None]
the input | the memory is the input; it should be the encoder's output. | return memory => return x
""")

encode = CHECKS.task(
    "encode",
    wrong,
    returns="memory (B T K), state (B K)",
    points="""
        memory and state 1 where no row is padded
        the memory with padding 1 = memory
        the state with padding 2 = state
    """,
    cases=_encode_cases,
    example={
        "gru": TorchModule(
            "GRU",
            {"input_size": 1, "hidden_size": 1, "batch_first": True, "bidirectional": True},
            _one_unit(2),
        ),
        "x": rows([[1.0], [2.0], [-1.0]], [[1.0], [0.0], [0.0]]),
        "lengths": torch.tensor([3, 1]),
    },
    agree="the packed rows",
)


# ---- Task 2, forced_loss: the decoder reads the target, one step late.
def _forced_loss(embed, gru, head, state, y, start):
    first = torch.full_like(y[:, :1], start)
    read = torch.cat([first, y[:, :-1].clamp(min=0)], dim=1)
    output, _ = gru(embed(read), state)
    log_p = head(output).log_softmax(-1)
    real = y != -100
    right = log_p.gather(-1, y.clamp(min=0)[..., None])[..., 0]
    return -(right * real).sum() / real.sum()


def _decoder(numbers, C, E, H):
    embed = TorchModule("Embedding", {"num_embeddings": C, "embedding_dim": E}, {"weight": numbers(C, E)})
    gru = random_module("GRU", numbers, input_size=E, hidden_size=H, batch_first=True)
    return {"embed": embed, "gru": gru, "head": random_head(numbers, H, C)}


@cases(
    1.2, "B4 U6 C7 E3 H5 start=2; B3 U7 C6 E2 H4 start=1 full; B5 U4 C8 E3 H6 start=3; B3 U5 C5 E4 H7 start=4"
)
def _forced_loss_cases(numbers, B, U, C, E, H, start, full=False):
    y = (1000 * numbers(B, U)).long() % C
    y[torch.arange(U) >= _lengths(B, U, full)[:, None]] = IGNORED
    arguments = {**_decoder(numbers, C, E, H), "state": numbers(1, B, H), "y": y, "start": start}
    return arguments, FULL if full else PADDED


def _small_decoder():
    return {
        "embed": TorchModule(
            "Embedding", {"num_embeddings": 3, "embedding_dim": 1}, {"weight": rows([0.0], [1.0], [-1.0])}
        ),
        "gru": TorchModule("GRU", {"input_size": 1, "hidden_size": 1, "batch_first": True}, _one_unit()),
        "head": TorchModule(
            "Linear",
            {"in_features": 1, "out_features": 3},
            {"weight": rows([0.0], [2.0], [-2.0]), "bias": torch.zeros(3, dtype=torch.float64)},
        ),
    }


wrong = Mistakes("Teacher forcing", _forced_loss).edits("""
not shifted | the decoder reads the symbol that it is to write: the answer is in the input.
    torch.cat([first, y[:, :-1].clamp(min=0)], dim=1) => y.clamp(min=0)
shifted the wrong way | the decoder reads the symbol after the one that it is to write.
    torch.cat([first, y[:, :-1].clamp(min=0)], dim=1) => torch.cat([y[:, 1:].clamp(min=0), first], dim=1)
no start symbol | the last symbol of each row moves to the front. The decoder begins with the start
    symbol.
    torch.cat([first, y[:, :-1].clamp(min=0)], dim=1) => y.clamp(min=0).roll(1, 1)
start is 0 | the first symbol that is read is 0; it should be `start`. | y[:, :1], start) => y[:, :1], 0)
start everywhere | the decoder reads the start symbol at every step.
    torch.cat([first, y[:, :-1].clamp(min=0)], dim=1) => first.expand_as(y)
free-running | the decoder reads its own symbols. That is how it is used; in training it reads the target.
    - output, _ = gru(embed(read), state)
    + output = []
    + symbol = first
    + for _ in range(y.shape[1]):
    +     h, state = gru(embed(symbol), state)
    +     symbol = head(h).argmax(-1)
    +     output.append(h)
    + output = torch.cat(output, dim=1)
no state | the decoder begins with zeros; it should begin with `state`.
    gru(embed(read), state) => gru(embed(read))
padding in the mean | the sum is right, but you divide by the number of all steps, padded ones included.
    real.sum() => y.numel()
padding as symbol 0 | padded steps count as if the symbol 0 were to be written there. | y != -100 => y == y
symbol 0 left out | steps at which symbol 0 is to be written are left out, too. | y != -100 => y > 0
the first step left out | the first symbol is to be written, too; its step is left out.
    y != -100 => (y != -100) & (torch.arange(y.shape[1]) > 0)
the last symbol left out | the last real symbol of each row is to be written, too; its step is left out.
    y != -100 => (y != -100) & (y.roll(-1, 1) != -100) & (torch.arange(y.shape[1]) < y.shape[1] - 1)
the last symbol only | only the last step of the batch is counted.
    y != -100 => (y != -100) & (torch.arange(y.shape[1]) == y.shape[1] - 1)
every row counts the same | you average each row first; return the mean over all real steps.
    (right * real).sum() / real.sum() => ((right * real).sum(1) / real.sum(1)).mean()
summed | this is the sum over the steps; return their mean. | / real.sum() =>
wrong sign | the sign is wrong: a loss is large where the right symbol has a small probability.
    -(right => (right
scores reshaped | the scores are reshaped to (B, C, U), which mixes steps and symbols. Transpose the axes.
    head(output).log_softmax(-1) => head(output).reshape(len(y), -1, y.shape[1]).mT.log_softmax(-1)
softmax over the steps | the probabilities sum to 1 over the steps; they must do so over the symbols.
    log_softmax(-1) => log_softmax(1)
softmax over the batch | the probabilities sum to 1 over the rows; they must do so over the symbols.
    log_softmax(-1) => log_softmax(0)
the target shifted as well | both the input and the target are shifted: the decoder must write what it reads.
    y.clamp(min=0)[..., None] => read[..., None]
""")

forced_loss = CHECKS.task(
    "forced_loss",
    wrong,
    returns="loss ()",
    points="the loss without padding 2 where no row is padded; the loss with padding 1",
    cases=_forced_loss_cases,
    example={
        **_small_decoder(),
        "state": rows([[0.5], [-0.5]]),
        "y": torch.tensor([[1, 2], [2, IGNORED]]),
        "start": 0,
    },
    agree="the decoder under teacher forcing",
)


# ---- Task 3, attend: a weighted mean of the memory, without the padding.
def _attend(query, memory, lengths):
    e = query @ memory.mT
    padding = torch.arange(memory.shape[1]) >= lengths[:, None]
    e = e.masked_fill(padding[:, None], -torch.inf)
    weights = e.softmax(dim=-1)
    return weights @ memory, weights


@cases(0.9, "B4 U3 T6 H5; B3 U4 T5 H2 full; B5 U2 T7 H3; B3 U6 T6 H4")
def _attend_cases(numbers, B, U, T, H, full=False):
    arguments = {"query": numbers(B, U, H), "memory": numbers(B, T, H), "lengths": _lengths(B, T, full)}
    return arguments, FULL if full else PADDED


wrong = Mistakes("Attention in ten lines", _attend).edits("""
no mask | padded steps are looked at, too. § What the mask must do
    e = e.masked_fill(padding[:, None], -torch.inf) =>
mask after the softmax | the weights of padded steps are set to 0 after the softmax, so the others do not sum
    to 1. § What the mask must do
    - e = e.masked_fill(padding[:, None], -torch.inf)
    - weights = e.softmax(dim=-1)
    + weights = e.softmax(dim=-1).masked_fill(padding[:, None], 0.0)
scores set to 0 | the scores of padded steps are set to 0. The exponential of 0 is 1, which is not small.
    -torch.inf => 0.0 § What the mask must do
mask the wrong way round | you look at the padding only: the mask is inverted.
    § What the mask must do
    >= lengths => < lengths
one padded step | the first padded step of each row is looked at. Steps count from 0. § What the mask must do
    >= lengths[:, None] => > lengths[:, None]
the last real step hidden | the last real step of each row is hidden. § What the mask must do
    >= lengths[:, None] => >= lengths[:, None] - 1
one length for all | every row is masked by the longest row's length; each row has its own.
    lengths[:, None] => lengths.max() § What the mask must do
softmax over what is written | the weights sum to 1 over the written symbols; they must do so over the memory.
    dim=-1 => dim=1
softmax over the batch | the weights sum to 1 over the rows; they must do so over the memory.
    dim=-1 => dim=0
no softmax | the scores themselves are used as weights; they need not be positive or sum to 1.
    - e = e.masked_fill(padding[:, None], -torch.inf)
    - weights = e.softmax(dim=-1)
    + weights = e.masked_fill(padding[:, None], 0.0)
sigmoid | each weight is squashed by itself; together they must sum to 1. | softmax(dim=-1) => sigmoid()
all the same | every real step gets the same weight; the query is not used.
    e.softmax => (0 * query @ memory.mT).masked_fill(padding[:, None], -torch.inf).softmax
the largest only | all the weight goes to the step with the highest score; that has no gradient.
    e.softmax(dim=-1) => (e == e.amax(-1, keepdim=True)).to(e.dtype)
scaled | the scores are divided by a square root. That is common too, but not what is asked for here.
    query @ memory.mT => query @ memory.mT / memory.shape[-1] ** 0.5
the cosine | query and memory are divided by their lengths first; the score is their product as they are.
    e = query @ memory.mT => e = torch.cosine_similarity(query[:, :, None], memory[:, None], dim=-1)
wrong sign | you look where query and memory fit least. | query @ memory.mT => -query @ memory.mT
weights transposed | the weights are (B, T, U); return a row for each query, (B, U, T).
    memory, weights => memory, weights.mT
a sum of scores | the context is the memory, weighted by the scores; weight it by their softmax.
    return weights @ memory => return e.masked_fill(padding[:, None], 0.0) @ memory
""")

attend = CHECKS.task(
    "attend",
    wrong,
    returns="context (B U H), weights (B U T)",
    points="""
        context and weights 1 where no row is padded
        the context with padding 1 = context
        the weights with padding 2 = weights
    """,
    cases=_attend_cases,
    example={
        "query": rows([[1.0, 0.0]], [[1.0, 0.0]]),
        "memory": rows([[2.0, 1.0], [1.0, 0.0], [0.0, 3.0]], [[2.0, 1.0], [1.0, 0.0], [9.0, 9.0]]),
        "lengths": torch.tensor([3, 2]),
    },
    agree="attention over the real steps",
)


# ---- Task 4, greedy: the decoder reads its own symbols, until it writes the end.
def _greedy(embed, gru, head, state, start, end, steps):
    symbol = torch.full((state.shape[1], 1), start)
    done = symbol != symbol
    written = []
    for _ in range(steps):
        output, state = gru(embed(symbol), state)
        symbol = head(output).argmax(-1).masked_fill(done, end)
        done = done | (symbol == end)
        written.append(symbol)
    return torch.cat(written, dim=1)


def _endless(decoder, state, start, steps):
    """What is written if nothing ends a row."""
    embed, gru, head = (module.build() for module in decoder.values())
    symbol, written = torch.full((state.shape[1], 1), start), []
    with torch.no_grad():
        for _ in range(steps):
            output, state = gru(embed(symbol), state)
            symbol = head(output).argmax(-1)
            written.append(symbol)
    return torch.cat(written, dim=1)


@cases(1.5, "B4 C6 E3 H5 start=2 steps=7; B5 C7 E4 H6 start=1 steps=8; B3 C5 E2 H7 start=3 steps=6")
def _greedy_cases(numbers, B, C, E, H, start, steps):
    """Cases in which one row ends early, has something else to write afterwards, and another goes on."""
    for _ in range(500):
        decoder, state = _decoder(numbers, C, E, H), numbers(1, B, H)
        written = _endless(decoder, state, start, steps)
        for end in range(1, C):
            ended = (written == end).long().cumsum(1) > 0
            early, more = ended[:, 1:3].any(1), (ended & (written != end)).sum(1) > 1
            if end != start and (early & more).any() and not ended.all(1).any() and not ended.any(1).all():
                return {**decoder, "state": state, "start": start, "end": end, "steps": steps}
    raise RuntimeError("no decoder was found that ends some rows and not others.")


wrong = Mistakes("The gap", _greedy).edits("""
goes on after the end | a row goes on after its end symbol; after it, every symbol must be the end symbol.
    .masked_fill(done, end) =>
padded with 0 | after the end symbol you write 0; write the end symbol.
    - symbol = head(output).argmax(-1).masked_fill(done, end)
    + symbol = head(output).argmax(-1).masked_fill(done, 0)
padded with -100 | after the end symbol you write -100; write the end symbol.
    - done = done | (symbol == end)
    - written.append(symbol)
    + written.append(symbol.masked_fill(done, -100))
    + done = done | (symbol == end)
all rows end together | all rows end as soon as one does; each row has its own end.
    done | (symbol == end) => done | (symbol == end).any()
the state is not carried | the state of the step before is not used: every step begins with the first one.
    output, state = gru => output, _ = gru
no state | the decoder begins with zeros; it should begin with `state`.
    symbol != symbol => symbol != symbol; state = 0 * state
the start at every step | the decoder reads the start symbol at every step; it should read what it wrote.
    embed(symbol) => embed(torch.full_like(symbol, start))
start is 0 | the first symbol that is read is 0; it should be `start`. | 1), start) => 1), 0)
begins with the end | the first symbol that is read is the end symbol; it should be `start`.
    1), start) => 1), end)
the start is written | the start symbol is only read; it does not belong to what was written.
    written = [] => written = [symbol]
one step short | the last symbol is missing. | range(steps) => range(steps - 1)
the least probable | you take the symbol with the lowest score. | argmax => argmin
the second best | you take the symbol with the second-highest score.
    head(output).argmax(-1) => head(output).topk(2).indices[..., 1]
the state's largest unit | you read the number of the decoder's largest unit as a symbol; `head` gives the
    scores.
    head(output).argmax(-1) => output[..., : head.out_features].argmax(-1)
one symbol for all rows | all rows get the symbol with the highest score in the whole batch.
    head(output).argmax(-1) => head(output).amax(0, keepdim=True).argmax(-1).expand(len(done), 1)
the first row's state | every row is decoded from the first row's state.
    symbol != symbol => symbol != symbol; state = state[:, :1].expand_as(state).contiguous()
the whole beginning again | at each step the whole beginning is read again, with the newest state.
    embed(symbol) => embed(torch.cat([torch.full_like(done.long(), start), *written], dim=1))
    head(output).argmax(-1) => head(output[:, -1:]).argmax(-1)
""")

greedy = CHECKS.task(
    "greedy",
    wrong,
    returns="symbols (B steps) int",
    points="all cases 3",
    cases=_greedy_cases,
    example={**_small_decoder(), "state": rows([[0.5], [-0.5]]), "start": 0, "end": 2, "steps": 3},
    agree="the most probable symbols",
)


# ---- Task 5, beam_search: the best beginnings, on scores that are given.
def _beam_search(log_p, start, width):
    beams = [(0.0, [start])]
    for table in log_p:
        longer = []
        for total, symbols in beams:
            for k, more in enumerate(table[symbols[-1]].tolist()):
                longer.append((total + more, [*symbols, k]))
        longer.sort(reverse=True)
        beams = longer[:width]
    totals = torch.tensor([total for total, _ in beams])
    return torch.tensor([symbols[1:] for _, symbols in beams]), totals


@cases(1.5, "W2 U5 C4 start=1; W3 U6 C5 start=2; W2 U7 C6 start=0; W4 U6 C5 start=3; W3 U8 C4 start=2")
def _beam_search_cases(numbers, W, U, C, start):
    return {"log_p": numbers(U, C, C).log_softmax(-1), "start": start, "width": W}


wrong = Mistakes("Greedy and beam", _beam_search).edits("""
the worst are kept | you keep the beginnings with the smallest totals. | sort(reverse=True) => sort()
worst first | the order is wrong: the best sequence comes first. | longer[:width] => longer[:width][::-1]
    look: Look at the order of the rows, and at what the next step begins with.
not sorted | the first beginnings are kept, not the best ones. | longer.sort(reverse=True) =>
the last step only | the beginnings are compared by their last step alone; add up all steps.
    total + more => more
probabilities added | you add the probabilities; multiply them, or add their logarithms.
    total + more => total + 2.718281828459045 ** more
logarithms multiplied | you multiply the logarithms; add them.
    0.0, [start] => 1.0, [start]
    total + more => total * more
the mean | the totals are divided by the number of symbols; return the sums.
    [total for total, _ in beams] => [total / len(log_p) for total, _ in beams]
probabilities | the totals are probabilities; return the sums of the logarithms.
    [total for total, _ in beams] => [2.718281828459045 ** total for total, _ in beams]
table transposed | rows and columns are exchanged: the row is the symbol before, the column the next one.
    table[symbols[-1]] => table[:, symbols[-1]]
after the first symbol | each symbol is scored as if it followed the first one; the one before it counts.
    table[symbols[-1]] => table[symbols[0]]
after symbol 0 | each symbol is scored as if it followed symbol 0. | table[symbols[-1]] => table[0]
start is 0 | the first symbol is scored as if it followed symbol 0; it follows `start`. | [start] => [0]
the start is returned | the start symbol is only read; it does not belong to the sequences.
    symbols[1:] => symbols
steps backwards | the tables are read from the last step to the first. | in log_p => in log_p.flip(0)
the first table only | every step uses the first step's table. | in log_p => in log_p[:1].expand_as(log_p)
one step short | the last step is missing. | in log_p => in log_p[:-1]
only the best | you keep one beginning; that is greedy decoding. | longer[:width] => longer[:1]
one beginning more | you keep one beginning more than `width`. | longer[:width] => longer[: width + 1]
""")


@wrong(
    "each goes on greedily",
    "after the first step, each beginning is extended by its best symbol alone. One may have several good "
    "extensions, and another none.",
)
def _(log_p, start, width):
    beams = sorted(((more, [k]) for k, more in enumerate(log_p[0, start].tolist())), reverse=True)[:width]
    for table in log_p[1:]:
        beams = [
            (total + table[symbols[-1]].max().item(), [*symbols, table[symbols[-1]].argmax().item()])
            for total, symbols in beams
        ]
    beams = sorted(beams, reverse=True)
    totals = torch.tensor([total for total, _ in beams], dtype=log_p.dtype)
    return torch.tensor([symbols for _, symbols in beams]), totals


@wrong(
    "a choice at the last step only",
    "all steps but the last are greedy; keep `width` beginnings from the first step on.",
)
def _(log_p, start, width):
    total, symbols, last = 0.0, [], start
    for table in log_p[:-1]:
        total += table[last].max().item()
        last = table[last].argmax().item()
        symbols.append(last)
    found = log_p[-1, last].topk(width)
    sequences = torch.tensor([[*symbols, k] for k in found.indices.tolist()])
    return sequences, total + found.values


beam_search = CHECKS.task(
    "beam_search",
    wrong,
    returns="sequences (W U) int, totals (W)",
    points="the sequences 2 = sequences; the totals 1 = totals",
    cases=_beam_search_cases,
    example={"log_p": rows([[0.6, 0.4], [0.5, 0.5]], [[0.5, 0.5], [0.9, 0.1]]).log(), "start": 0, "width": 2},
    agree="a search that keeps the best beginnings",
)


# ---- Task 6, backwards: a net of one's own that writes each row backwards.
def _backwards(x, lengths, y, new_x, new_lengths):
    written = torch.full((len(new_x), new_x.shape[1] + 1), -100)
    for row, read, length in zip(written, new_x, new_lengths.tolist(), strict=True):
        row[:length] = read[:length].flip(0)
        row[length] = 2
    return written


def _letter_rows(numbers, n, T, V):
    """n different rows of 3 to T of the letters 3 to V - 1, in a random order, and their lengths."""
    x = 3 + (1000 * numbers(3 * n, T).abs()).long() % (V - 3)
    lengths = 3 + (1000 * numbers(3 * n).abs()).long() % (T - 2)
    x[torch.arange(T) >= lengths[:, None]] = 0
    x[0, :] = 3  # one row of length T
    x = x.unique(dim=0)
    x = x[numbers(len(x)).argsort()[:n]]
    return x, (x > 0).sum(1)


def _backwards_cases(seed):
    numbers = random_numbers(seed, 1.0)

    def case(R, N, T, V):
        x, lengths = _letter_rows(numbers, R + N, T, V)
        y = _backwards(None, None, None, x[:R], lengths[:R])
        arguments = {"x": x[:R], "lengths": lengths[:R], "y": y, "new_x": x[R:], "new_lengths": lengths[R:]}
        return Case(arguments, {"R": R, "N": N, "T": T})  # no "B": one row is not enough to learn from

    return [case(400, 200, 6, 8), case(400, 180, 6, 8), case(420, 200, 6, 8)]


def _whole_rows(found, y):
    return ((found == y) | (y == IGNORED)).all(1).double().mean().item()


wrong = Mistakes("With attention and without", _backwards).edits("""
not reversed | the rows are written in the order in which they were read; write them backwards.
    .flip(0) =>
the padding reversed as well | the padding of a row is written first; reverse only its real symbols.
    - row[:length] = read[:length].flip(0)
    + row[:-1] = read.flip(0)
no end symbol | a row does not end: its last symbol must be 2. | row[length] = 2 => row[length] = 0
the end is 1 | 1 is the start symbol, which is only read; a row ends with 2.
    row[length] = 2 => row[length] = 1
the start is written | the start symbol is only read; it does not belong to what is written.
    return written => return torch.cat([torch.ones_like(written[:, :1]), written[:, :-1]], dim=1)
one symbol early | each symbol is written a step too early: the first one is missing.
    return written => return written.roll(-1, 1)
ends too early | the last letter is missing: the end symbol is written there.
    row[length] = 2 => row[length - 1] = 2
ends too late | the last letter is written twice.
    row[length] = 2 => row[length] = row[length - 1].clone(); row[min(length + 1, len(row) - 1)] = 2
the first letter all the time | the same letter is written at every step. Does the decoder read what it wrote?
    read[:length].flip(0) => read[length - 1]
the last two exchanged | the first two letters that you write are exchanged.
    .flip(0) => .flip(0)[[1, 0, *range(2, length)]]
all rows as long | every row is written with the length of the longest one.
    row[length] = 2 => row[length:-1] = read[0]; row[-1] = 2
only the end | the end symbol is written at every step. | read[:length].flip(0) => 2
sorted rows | the rows are not in the order of new_x. Were they sorted by length?
    return written => return written[new_lengths.argsort(descending=True, stable=True)]
letters counted from 0 | each symbol is lower by 3: the letters are the symbols from 3 on.
    read[:length].flip(0) => read[:length].flip(0) - 3
everything ignored | -100 is a target to be skipped; as a symbol it is never right.
    return written => return torch.full_like(written, -100)
""")

backwards = CHECKS.task(
    "backwards",
    wrong,
    returns=(
        Score(
            "symbols",
            "N U",
            "int",
            measure=_whole_rows,
            at_least=0.9,
            baseline="the state at every step instead of attention: about 0.75",
        ),
    ),
    points="all cases 3",
    cases=_backwards_cases,
    agree="the rows backwards",
    seconds=30,
)
