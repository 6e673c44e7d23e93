"""The checks of exercise set 19: streams, bits and perplexity, training with a carried state, sampling."""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

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
from rnncourse.checks.uses.tagging import train

CHECKS = ExerciseSet("19", "A language model", forbid=frozenset())


# ---- Task 1, make_streams: rows that continue from batch to batch, and the next character as the target.
EVEN = Trait("the characters fill the batches exactly", "what you do with characters that are left over")
LEFT_OVER = Trait("characters are left over", "what happens at the very end of the text")


def _make_streams(text, R, K):
    n = (len(text) - 1) // (R * K)
    x, y = text[: n * R * K], text[1 : n * R * K + 1]
    x, y = (part.view(R, n, K).transpose(0, 1) for part in (x, y))
    return x, y


def _make_streams_cases(seed):
    numbers = torch.Generator().manual_seed(seed)

    def case(N, R, K):
        text = torch.randperm(90, generator=numbers)[:N] + 10  # no character twice, none 0
        n, left = divmod(N - 1, R * K)
        return Case(
            {"text": text, "R": R, "K": K},
            {"N": N, "R": R, "K": K, "n": n},
            frozenset({EVEN if left == 0 else LEFT_OVER}),
        )

    return [case(25, 2, 4), case(30, 3, 2), case(48, 4, 3), case(41, 2, 5), case(37, 3, 4)]


wrong = Mistakes("Training with a carried state", _make_streams).edits("""
not shifted | y is x itself: the answer is in the input. The target of a character is the next one.
    text[1 : n * R * K + 1] => text[: n * R * K]
    § The next character
shifted twice | y is two steps ahead: a character is skipped.
    text[1 : n * R * K + 1] => text.roll(-2)[: n * R * K]
    § The next character
the character before | y is the character before x, not the one after it.
    text[1 : n * R * K + 1] => text.roll(1)[: n * R * K]
    § The next character
x and y exchanged | x and y are exchanged. | return x, y => return y, x
shifted within a window | the last target of each window is the window's own first character. Its successor
    is in the next window.
    return x, y => return x, x.roll(-1, 2)
    § The next character
shifted within a row | the last target of each row is the row's own first character. Its successor is in the
    text.
    return x, y => return x, x.transpose(0, 1).reshape(R, n * K).roll(-1, 1).view(R, n, K).transpose(0, 1)
    § The next character
windows in their order | each batch holds R neighbouring windows: row r of the next batch does not continue
    row r.
    view(R, n, K).transpose(0, 1) => view(n, R, K)
    look: Where in the text does row 0 of batch 1 begin?
every R-th character | each row reads the text with gaps: neighbours in the text are next to each other in
    the batch.
    view(R, n, K).transpose(0, 1) => view(n, K, R).transpose(1, 2)
batches and rows exchanged | the first axis has the rows, the second one the batches. Put the batches first.
    .transpose(0, 1) for => for
time before the rows | the last two axes are exchanged: each batch is (R, K), and yours is (K, R).
    .transpose(0, 1) for => .permute(1, 2, 0) for
a batch too few | there is one batch fewer than the text can fill.
    (len(text) - 1) // (R * K) => max((len(text) - 1) // (R * K) - 1, 1)
the beginning left out | you leave out the beginning of the text. What does not fill a batch should be left
    out at the end.
    text[: n * R * K], text[1 : n * R * K + 1] => text[-n * R * K - 1 : -1], text[-n * R * K :]
the last batch first | the batches run from the end of each row to its beginning.
    return x, y => return x.flip(0), y.flip(0)
rows upside down | the last stretch of the text is in row 0. | return x, y => return x.flip(1), y.flip(1)
time backwards | each window is read backwards. | return x, y => return x.flip(2), y.flip(2)
""")

make_streams = CHECKS.task(
    "make_streams",
    wrong,
    returns="x (n R K) int, y (n R K) int",
    points="x 1; y 2",
    cases=_make_streams_cases,
    example={"text": torch.arange(10, 23), "R": 2, "K": 3},
    agree="streams that continue",
)


# ---- Task 2, evaluate: bits per character and perplexity over batches of different sizes.
def _evaluate(batches):
    total, count = 0.0, 0
    for logits, y in batches:
        log_p = logits.log_softmax(-1)
        total = total - log_p.gather(-1, y[:, None]).sum()
        count += len(y)
    nats = total / count
    return nats / math.log(2), nats.exp()


@cases(1.5, "n3 T6 V5; n4 T5 V4; n2 T7 V6; n3 T4 V4")
def _evaluate_cases(numbers, n, T, V):
    lengths = [T, *((T - 2) // (k + 1) + 1 for k in range(n - 1))]  # the later ones are shorter
    return {"batches": [(numbers(length, V), (1000 * numbers(length)).long() % V) for length in lengths]}


wrong = Mistakes("Bits per character", _evaluate)


@wrong(
    "mean of the batches' means",
    "you average the batches' means: a short batch counts as much as a long one. Add up all characters.",
    section="Average first, then exponentiate",
)
def _(batches):
    losses = torch.stack([F.cross_entropy(logits, y) for logits, y in batches])
    return losses.mean() / math.log(2), losses.mean().exp()


@wrong(
    "mean of the batches' perplexities",
    "the bits are right, but you average the batches' perplexities. Exponentiate once, at the end.",
    section="Average first, then exponentiate",
)
def _(batches):
    bits, _ = _evaluate(batches)
    return bits, torch.stack([F.cross_entropy(logits, y).exp() for logits, y in batches]).mean()


@wrong(
    "both averaged over batches",
    "you average bits and perplexities over the batches. Add up all characters, exponentiate at the end.",
    section="Average first, then exponentiate",
)
def _(batches):
    losses = torch.stack([F.cross_entropy(logits, y) for logits, y in batches])
    return losses.mean() / math.log(2), losses.exp().mean()


wrong.edits("""
perplexity of single characters | the perplexity is the mean of 1/p over the characters. Average the
    logarithms.
    nats.exp() => sum((-F.log_softmax(z, -1)[range(len(y)), y]).exp().sum() for z, y in batches) / count
    § Average first, then exponentiate
nats for bits | the bits are nats. What turns nats into bits? | nats / math.log(2) => nats
times ln 2 | you multiply by ln 2. A bit is less than a nat, so there must be more of them.
    nats / math.log(2) => nats * math.log(2)
2 to the power of nats | the perplexity is 2 to the power of nats. 2 goes with bits, e with nats.
    nats.exp() => 2**nats
    § Average first, then exponentiate
e to the power of bits | the perplexity is e to the power of bits. 2 goes with bits, e with nats.
    nats.exp() => (nats / math.log(2)).exp()
    § Average first, then exponentiate
base 10 | these are digits: the logarithm has base 10. | math.log(2) => math.log(10)
the geometric mean | this is the geometric mean of the probabilities. The perplexity is its reciprocal.
    nats.exp() => (-nats).exp()
exchanged | bits and perplexity are exchanged.
    return nats / math.log(2), nats.exp() => return nats.exp(), nats / math.log(2)
summed | the bits are those of the whole text. Divide by the number of characters. | total / count => total
divided by the batches | you divide by the number of batches. Divide by the number of characters.
    count += len(y) => count += 1
wrong sign | the sign is wrong: a small probability must give a large loss. | total - log_p => total + log_p
softmax over time | the probabilities sum to 1 over the steps. They must do so over the symbols.
    log_softmax(-1) => log_softmax(0)
no softmax | you use the logits as logarithms of probabilities. | logits.log_softmax(-1) => logits
no logarithm | you add up probabilities, not their logarithms. | log_softmax => softmax
softmax twice | softmax is applied twice. `F.cross_entropy` has one inside: it takes the logits.
    logits.log_softmax => logits.softmax(-1).log_softmax
shifted again | you shift the targets. y[t] belongs to logits[t] already. | y[:, None] => y.roll(-1)[:, None]
    § The next character
the last batch only | only the last batch counts.
    total = total - log_p => total = -log_p
    count += len(y) => count = len(y)
the first batch only | only the first batch counts. | in batches => in batches[:1]
the last step only | only the last character of each batch counts.
    log_p.gather(-1, y[:, None]).sum() => log_p[-1, y[-1]]
    count += len(y) => count += 1
""")

evaluate = CHECKS.task(
    "evaluate",
    wrong,
    returns="bits (), perplexity ()",
    points="bits 2; perplexity 1",
    cases=_evaluate_cases,
    example={
        "batches": [
            (rows([0, 0], [0, 0]), torch.tensor([0, 1])),
            (rows([math.log(1), math.log(7)]), torch.tensor([0])),
        ]
    },
    agree="the mean over all characters",
)


# ---- Task 3, train_epoch: teacher forcing on streams, with the state carried and detached.
def _train_epoch(embed, gru, head, optimizer, batches, clip):
    parameters = [*embed.parameters(), *gru.parameters(), *head.parameters()]
    state, losses = None, []
    for x, y in batches:
        output, state = gru(embed(x), state)
        loss = F.cross_entropy(head(output).transpose(1, 2), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        state = state.detach()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=head.weight.dtype)


@cases(0.8, "n2 B4 K7 V9 E3 H5; n4 B5 K3 V8 E2 H6; n3 B2 K6 V7 E4 H5")
def _train_epoch_cases(numbers, n, B, K, V, E, H):
    embed = TorchModule(
        "Embedding", {"num_embeddings": V, "embedding_dim": E}, {"weight": numbers(V, E)}, True
    )
    gru = random_module("GRU", numbers, input_size=E, hidden_size=H, batch_first=True)
    text = (1000 * numbers(n * B * K + 1)).long() % V
    batches = list(zip(*_make_streams(text, B, K), strict=True))
    modules = {
        "embed": embed,
        "gru": replace(gru, trains=True),
        "head": replace(random_head(numbers, H, V), trains=True),
    }
    return {**modules, "lr": 0.5, "batches": batches, "clip": 0.2}


wrong = Mistakes("Training with a carried state", _train_epoch).edits("""
state zeroed | each batch starts from zeros: the state is not carried. | gru(embed(x), state) => gru(embed(x))
the first state again | from the second batch on, every batch starts from the state after the first one.
    state = state.detach() => first = first if losses else state.detach(); state = first
state doubled | the state that you carry is not the one that came back. | state.detach() => 2 * state.detach()
rows mixed | the state of a row goes to another row. | state.detach() => state.detach().roll(1, 1)
not shifted | the target is x: the net is trained to repeat its input. § The next character
    .transpose(1, 2), y) => .transpose(1, 2), x)
shifted again | y is shifted already, and you shift it again. § The next character
    .transpose(1, 2), y) => .transpose(1, 2)[..., :-1], y[:, 1:])
softmax first | you apply softmax to the logits. `F.cross_entropy` has one inside. § A recurrent model
    head(output).transpose => head(output).softmax(-1).transpose
summed | the loss is a sum over the characters. Take their mean.
    .transpose(1, 2), y) => .transpose(1, 2), y, reduction="sum")
summed over time | the loss is summed over the steps and averaged over the rows. Take the mean over both.
    F.cross_entropy( => x.shape[1] * F.cross_entropy(
the last step only | the loss is that of the last step. With teacher forcing every step has one.
    .transpose(1, 2), y) => [:, -1], y[:, -1])
    § Teacher forcing
in bits | the loss is in bits. Take it in nats, as `F.cross_entropy` returns it. § Bits per character
    F.cross_entropy( => 1.4426950408889634 * F.cross_entropy(
gradients pile up | the gradients of all batches so far pile up: set them to zero before each backward pass.
    optimizer.zero_grad() =>
no clipping | the gradients are not clipped at the given norm before the update.
    nn.utils.clip_grad_norm_(parameters, clip) =>
each parameter by itself | each parameter's gradient is clipped by itself, which changes the direction of
    the step. Clip the norm of all of them together.
    - nn.utils.clip_grad_norm_(parameters, clip)
    + for p in parameters:
    +     nn.utils.clip_grad_norm_([p], clip)
clipped by value | each number of the gradient is clipped. Clip the norm of all of them together.
    clip_grad_norm_ => clip_grad_value_
only the GRU clipped | only the GRU's gradients are clipped.
    clip_grad_norm_(parameters => clip_grad_norm_(gru.parameters()
no update | the weights have not changed: you never update them. | optimizer.step() =>
one update | the weights change once, after the last batch. Make an update after each batch.
    - optimizer.step()
    - state = state.detach()
    - losses.append(loss.item())
    + state = state.detach()
    + losses.append(loss.item())
    + (optimizer.step if len(losses) == len(batches) else int)()
the last batch left out | the last batch is left out. | in batches => in batches[:-1]
shuffled | the batches are not read in their order, so the carried state belongs to another place in the
    text.
    in batches => in batches[::-1]
the GRU does not learn | only the head learns: you detach the output that it reads. Detach the state alone.
    head(output) => head(output.detach())
the embedding does not learn | the embedding does not learn: its output is detached. Detach the state alone.
    gru(embed(x), state) => gru(embed(x).detach(), state)
the sum so far | the losses are sums over all batches so far. Return each batch's own.
    dtype=head.weight.dtype) => dtype=head.weight.dtype).cumsum(0)
""")


@wrong(
    "full gradient",
    "there is one backward pass at the end, through all batches. Detach the state, update after each batch.",
)
def _(embed, gru, head, optimizer, batches, clip):
    parameters = [*embed.parameters(), *gru.parameters(), *head.parameters()]
    state, losses = None, []
    for x, y in batches:
        output, state = gru(embed(x), state)
        losses.append(F.cross_entropy(head(output).transpose(1, 2), y))
    optimizer.zero_grad()
    sum(losses).backward()
    nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    return torch.stack(losses).detach()


one_number = {"weight": rows([0.0], [1.0])}
one_unit = {
    "weight_ih_l0": rows([0.0], [0.0], [2.0]),
    "weight_hh_l0": rows([0.0], [0.0], [1.0]),
    "bias_ih_l0": torch.zeros(3, dtype=torch.float64),
    "bias_hh_l0": torch.zeros(3, dtype=torch.float64),
}
two_symbols = {"weight": rows([1.0], [-1.0]), "bias": torch.zeros(2, dtype=torch.float64)}
small = {
    "embed": TorchModule("Embedding", {"num_embeddings": 2, "embedding_dim": 1}, one_number, trains=True),
    "gru": TorchModule(
        "GRU", {"input_size": 1, "hidden_size": 1, "batch_first": True}, one_unit, trains=True
    ),
    "head": TorchModule("Linear", {"in_features": 1, "out_features": 2}, two_symbols, trains=True),
}

train_epoch = CHECKS.task(
    "train_epoch",
    wrong,
    returns="losses (n), weights (P)",
    points="the losses 2 = losses; the weights afterwards 2 = weights",
    cases=_train_epoch_cases,
    example={
        **small,
        "lr": 0.5,
        "batches": [
            (torch.tensor([[0, 1]]), torch.tensor([[1, 1]])),
            (torch.tensor([[1, 0]]), torch.tensor([[0, 1]])),
        ],
        "clip": 0.2,
    },
    use=train,
    agree="teacher forcing with a carried state",
    seconds=20,
)


# ---- Task 4, reshape: temperature, top-k and nucleus, in this order.
TEMPERATURE = Trait("only the temperature acts", "what is kept and what is dropped")
TOP_K = Trait("top-k acts", "what you do if k is smaller than V")
NUCLEUS = Trait("the nucleus acts", "what you do if p is smaller than 1")


def _reshape(logits, temperature, k, p):
    logits = logits / temperature
    lowest = logits.topk(k).values[-1]
    logits = logits.masked_fill(logits < lowest, -math.inf)
    sorted_p, order = logits.softmax(-1).sort(descending=True)
    likelier = sorted_p.cumsum(-1) - sorted_p
    dropped = order[likelier >= p]
    return logits.index_fill(-1, dropped, -math.inf).softmax(-1)


def _reshape_cases(seed):
    numbers = torch.Generator().manual_seed(seed)

    def case(V, temperature, k, p):
        logits = -0.5 * torch.arange(V) + 0.1 * torch.rand(V, generator=numbers) + 0.7
        logits = logits[torch.randperm(V, generator=numbers)].double()
        traits = {TOP_K} if k < V else set()
        traits |= {NUCLEUS} if p < 1 else set()
        return Case(
            {"logits": logits, "temperature": temperature, "k": k, "p": p},
            {"V": V},
            frozenset(traits or {TEMPERATURE}),
        )

    return [
        case(6, 0.6, 6, 1.0),
        case(7, 1.7, 7, 1.0),
        case(7, 0.8, 3, 1.0),
        case(8, 1.4, 5, 1.0),
        case(8, 1.3, 8, 0.72),
        case(6, 0.7, 6, 0.8),
        case(9, 1.6, 9, 0.15),
        case(9, 1.5, 4, 0.7),
        case(8, 0.7, 5, 0.85),
    ]


wrong = Mistakes("Choosing the next character", _reshape).edits("""
multiplied by the temperature | you multiply by the temperature: a high one then makes the likeliest symbol
    likelier.
    logits / temperature => logits * temperature
no effect of the temperature | the temperature changes nothing. If you divide the probabilities by it, the
    division by their sum undoes that.
    logits / temperature => logits
temperature of the probabilities | you divide the probabilities by the temperature and apply softmax to them
    again. Divide the logits.
    logits = logits / temperature => logits = logits.softmax(-1) / temperature
temperature last | the temperature comes after top-k and nucleus. It should come first: it decides what the
    nucleus keeps.
    logits = logits / temperature => t = temperature
    index_fill(-1, dropped, -math.inf).softmax(-1) => index_fill(-1, dropped, -math.inf).div(t).softmax(-1)
top-k left out | k has no effect. | logits.masked_fill(logits < lowest, -math.inf) => logits
one symbol too few | top-k keeps one symbol too few. | logits < lowest => logits <= lowest
one symbol too many | top-k keeps one symbol too many. | topk(k) => topk(min(k + 1, len(logits)))
the least likely | top-k keeps the least likely symbols.
    logits.topk(k).values[-1] => logits.topk(k, largest=False).values[-1]
    logits < lowest => logits > lowest
the first k | the first k symbols of the vocabulary are kept. Keep the k likeliest.
    logits.masked_fill(logits < lowest, => logits.masked_fill(torch.arange(len(logits)) >= k,
logit 0 by top-k | what top-k drops gets the logit 0, and exp(0) is 1. What logit has the probability 0?
    logits < lowest, -math.inf => logits < lowest, 0.0
nucleus left out | p has no effect. | likelier >= p => likelier > 1
the crossing symbol dropped | the symbol that takes the sum to p is dropped, so the rest has less than p. It
    has to stay.
    likelier >= p => (likelier + sorted_p > p) & (likelier > 0)
every crossing symbol dropped | the symbol that takes the sum to p is dropped. It has to stay. If the
    likeliest symbol alone has p, nothing is left, and softmax returns nan.
    likelier >= p => sorted_p.cumsum(-1) > p
one symbol more | the nucleus keeps a symbol more than it needs to reach p.
    likelier >= p => F.pad(likelier, (1, -1)) >= p
the least likely in the nucleus | the nucleus is filled from the least likely symbol on.
    sort(descending=True) => sort(descending=False)
places for symbols | you drop by the place in the sorted list. Place 0 is not symbol 0: `order` says which
    it is.
    order[likelier >= p] => torch.arange(len(order))[likelier >= p]
logit 0 by the nucleus | what the nucleus drops gets the logit 0, and exp(0) is 1. What logit has the
    probability 0?
    dropped, -math.inf => dropped, 0.0
not divided by the sum | what the nucleus keeps is not divided by its sum: the probabilities do not add up
    to 1.
    logits.index_fill(-1, dropped, -math.inf).softmax(-1) => logits.softmax(-1).index_fill(-1, dropped, 0.0)
each symbol against p | you drop symbols by their own probability. The nucleus counts what the likelier ones
    have together.
    likelier >= p => sorted_p < 1 - p
always the likeliest | the likeliest symbol always gets everything: this is greedy.
    order[likelier >= p] => order[1:]
sorted | the probabilities are sorted. Each must stay at its symbol's place.
    -math.inf).softmax(-1) => -math.inf).softmax(-1).sort(descending=True).values
logarithms | these are logarithms of the probabilities. | -math.inf).softmax(-1) => -math.inf).log_softmax(-1)
logits | these are logits. Return probabilities. | -math.inf).softmax(-1) => -math.inf)
softmax twice | softmax is applied twice: what was dropped comes back.
    -math.inf).softmax(-1) => -math.inf).softmax(-1).softmax(-1)
""")


@wrong(
    "nucleus before top-k",
    "the nucleus is chosen before top-k. Here top-k comes first, and the nucleus is that of what is left.",
)
def _(logits, temperature, k, p):
    nucleus = _reshape(logits, temperature, len(logits), p).log()
    return _reshape(nucleus, 1.0, k, 1.0)


reshape = CHECKS.task(
    "reshape",
    wrong,
    returns="probabilities (V)",
    points="""
        the temperature 1 where only the temperature acts
        top-k 1 where top-k acts
        the nucleus 2 where the nucleus acts
    """,
    cases=_reshape_cases,
    example={"logits": torch.tensor([0.1, 0.5, 0.4]).double().log(), "temperature": 1.0, "k": 3, "p": 0.8},
    agree="the three knobs in their order",
)


# ---- Task 5, generate: feed back what was drawn, with the carried state.
SHORT = Trait("the prompt is one character", "what you do with the other characters of the prompt")
LONG = Trait("the prompt is longer", "what you do with a prompt of several characters")


def _generate(embed, gru, head, prompt, draws):
    x, state, symbols, chosen = prompt, None, [], []
    for draw in draws:
        output, state = gru(embed(x)[None], state)
        p = head(output[0, -1]).softmax(-1)
        symbol = (p.cumsum(0) <= draw).sum()
        x = symbol[None]
        symbols.append(symbol)
        chosen.append(p[symbol])
    return torch.stack(symbols), torch.stack(chosen)


@cases(1.2, "T4 n7 V6 E3 H5; T1 n8 V5 E4 H6; T6 n6 V7 E2 H4; T3 n9 V8 E3 H6; T1 n6 V9 E5 H4")
def _generate_cases(numbers, T, n, V, E, H):
    embed = TorchModule("Embedding", {"num_embeddings": V, "embedding_dim": E}, {"weight": numbers(V, E)})
    gru = random_module("GRU", numbers, input_size=E, hidden_size=H, batch_first=True)
    prompt = (1000 * numbers(T)).long() % V
    draws = 0.02 + 0.96 * torch.special.ndtr(numbers(n) / 1.2)  # evenly between 0 and 1
    modules = {"embed": embed, "gru": gru, "head": random_head(numbers, H, V)}
    return {**modules, "prompt": prompt, "draws": draws}, LONG if T > 1 else SHORT


wrong = Mistakes("Let it write", _generate).edits("""
state not carried | every step starts from zeros: the net knows the last character only.
    gru(embed(x)[None], state) => gru(embed(x)[None])
    § The state that was not carried
prompt forgotten | the state after the prompt is thrown away: the net starts from zeros at the first
    character that it wrote.
    x = symbol[None] => x = symbol[None]; state = state if symbols else None
the prompt's end only | the net reads only the last character of the prompt.
    x, state, symbols, chosen = prompt, => x, state, symbols, chosen = prompt[-1:],
the prompt's beginning only | the net reads only the first character of the prompt.
    x, state, symbols, chosen = prompt, => x, state, symbols, chosen = prompt[:1],
the prompt's end twice | the net reads the last character of the prompt twice: once with the prompt, once as
    the first input after it.
    None, [], [] => gru(embed(prompt)[None])[1], [], []
    x, state, symbols, chosen = prompt => x, state, symbols, chosen = prompt[-1:]
everything again | you feed the whole text again at each step, and carry the state as well. The net reads
    everything many times over.
    x = symbol[None] => x = torch.cat([x, symbol[None]])
each character twice | each character is read twice. | x = symbol[None] => x = symbol[None].repeat(2)
the prompt again and again | the net never reads what it wrote: its input is always the prompt.
    x = symbol[None] => x = prompt
the last character again | after the prompt the input is always the prompt's last character.
    x = symbol[None] => x = prompt[-1:]
a step late | each step reads the character before the one that was just written.
    x = symbol[None] => x = symbols[-1][None] if symbols else prompt[-1:]
prompt backwards | the prompt is read backwards. | chosen = prompt, => chosen = prompt.flip(0),
the first step's output | the character is chosen from the output of the prompt's first step. Its last step
    has read all of it.
    output[0, -1] => output[0, 0]
the mean output | the character is chosen from the mean output of the prompt. Its last step has read all of
    it.
    output[0, -1] => output[0].mean(0)
always the likeliest | you take the likeliest symbol. Use the draw.
    (p.cumsum(0) <= draw).sum() => p.argmax()
from the other end | you add up the probabilities from the last symbol on.
    (p.cumsum(0) <= draw).sum() => (p.flip(0).cumsum(0) > draw).flip(0).sum() - 1
    § Let it write
one symbol too early | the symbol is the one before the first whose sum exceeds the draw.
    (p.cumsum(0) <= draw).sum() => ((p.cumsum(0) <= draw).sum() - 1).clamp(min=0)
single probabilities | you compare the draw with single probabilities. Compare it with their running sum.
    (p.cumsum(0) <= draw).sum() => ((p <= draw).sum()).clamp(max=len(p) - 1)
the same draw | every step uses the first draw. | (p.cumsum(0) <= draw) => (p.cumsum(0) <= draws[0])
draws backwards | the draws are used from the last to the first. | in draws => in draws.flip(0)
the last one missing | there is a character too few. | in draws => in draws[:-1]
the largest probability | `p` is that of the likeliest symbol. Return that of the symbol drawn.
    p[symbol] => p.max()
logarithms | the probabilities are their logarithms. | p[symbol] => p[symbol].log()
running sums | these are running sums of probabilities. Return the probability of the symbol itself.
    p[symbol] => p.cumsum(0)[symbol]
""")

generate = CHECKS.task(
    "generate",
    wrong,
    returns="symbols (n) int, p (n)",
    points="the symbols 2 = symbols; their probabilities 1 = p",
    cases=_generate_cases,
    example={
        **{name: replace(module, trains=False) for name, module in small.items()},
        "prompt": torch.tensor([1, 0]),
        "draws": torch.tensor([0.3, 0.8, 0.1]).double(),
    },
    agree="what the net writes with these draws",
)


# ---- Task 6, line_model: a language model of one's own, better than a trigram.
def _line_model(text, new):
    V = int(text.max()) + 1
    letters = int((text == 0).nonzero()[0])
    place = torch.arange(1, len(new) + 1)
    since = place - torch.where(new == 0, place, 0).cummax(0).values
    ends = (since == letters).float()
    p = torch.cat([ends[:, None], (1 - ends[:, None]).expand(-1, V - 1) / (V - 1)], dim=1)
    return (p + 1e-9).log()


def _line_model_cases(seed):
    numbers = random_numbers(seed, 1.0)

    def lines(letters, count):
        text = 1 + (1000 * numbers(count, letters + 1).abs()).long() % 4
        text[:, -1] = 0
        return text.flatten()

    def case(letters):
        text, new = lines(letters, 400), lines(letters, 30)
        return Case({"text": text, "new": new}, {"N": len(text), "T": len(new), "V": 5})

    return [case(5), case(6), case(4)]


def _bits(found, expected):
    return -(expected.double().softmax(-1) * found.double().log_softmax(-1)).sum(-1).mean().item() / math.log(
        2
    )


wrong = Mistakes("A recurrent model", _line_model).edits("""
all equally likely | all symbols are equally likely: that is a net before training.
    return (p + 1e-9).log() => return torch.zeros_like(p)
letters only | the newline is never expected. | (since == letters).float() => torch.zeros(len(new))
a unigram | the newline has the same probability everywhere. That is a baseline, not an answer.
    (since == letters).float() => torch.full((len(new),), 1 / (letters + 1))
a bigram | only a newline after a newline is ruled out. Where is the memory of the rest of the line?
    (since == letters).float() => (since > 0) / letters
an early newline | the newline is expected a character too early. Is y shifted twice? § The next character
    since == letters => since == letters - 1
a late newline | the newline is expected a character too late. § The next character
    since == letters => since == 0
newline at the end of each window | the newline is expected at fixed places of the text, not of the line.
    since == letters => place % (letters + 2) == 0
not shifted | each character is expected once more: the target was not shifted. § The next character
    return (p + 1e-9).log() => return (F.one_hot(new, V) + 1e-9).log()
probabilities | these are probabilities. Return logits. § Choosing the next character
    return (p + 1e-9).log() => return p
wrong sign | the sign is wrong: what is likely has the smallest logit.
    return (p + 1e-9).log() => return -(p + 1e-9).log()
backwards | the steps are in the opposite order. | return (p + 1e-9).log() => return (p + 1e-9).log().flip(0)
symbols backwards | the symbols are in the opposite order.
    return (p + 1e-9).log() => return (p + 1e-9).log().flip(1)
""")

line_model = CHECKS.task(
    "line_model",
    wrong,
    returns=(
        Score(
            "logits",
            "T V",
            measure=_bits,
            words="bits per character",
            at_most=2.0,
            baseline="a trigram: about 2.2",
        ),
    ),
    points="all cases 3",
    cases=_line_model_cases,
    agree="the model",
    seconds=20,
)

__all__ = ["CHECKS", *(check.name for check in CHECKS)]
