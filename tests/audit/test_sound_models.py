"""Sound models of kinds that the families do not have: nothing is held against them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import rnncourse

B, T, V, D = 5, 9, 23, 12
SEEDS = range(3)


def words(steps=T):
    return torch.randint(3, V, (B, steps))


def padded():
    lengths = torch.tensor([T, 2, 6, 4, T])
    return words() * (torch.arange(T) < lengths[:, None]), lengths


def entropy(logits, target, **options):
    return F.cross_entropy(logits.reshape(-1, V), target.reshape(-1), **options)


def shifting(logits, ids):
    return entropy(logits[:, :-1], ids[:, 1:])


class Translator(nn.Module):
    """torch.nn's decoder with a causal mask, over an encoder with a padding mask."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(V, D), nn.Embedding(T, D)
        layer = nn.TransformerEncoderLayer(D, 2, 24, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(D, 3, 24, batch_first=True), 2)
        self.head = nn.Linear(D, V)

    def embed(self, x):
        return self.words(x) + self.places(torch.arange(x.shape[1]))

    def forward(self, source, target):
        padding = source == 0
        memory = self.encoder(self.embed(source), src_key_padding_mask=padding)
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        out = self.decoder(self.embed(target), memory, tgt_mask=mask, memory_key_padding_mask=padding)
        return self.head(out)


def decoder_shifted_before():
    (source, lengths), target = padded(), words()
    return (
        Translator(),
        (source, target[:, :-1]),
        {"lengths": lengths, "loss": entropy, "target": target[:, 1:]},
    )


def decoder_shifted_in_the_loss():
    (source, lengths), target = padded(), words()
    return Translator(), (source, target), {"lengths": lengths, "loss": shifting, "target": target}


class Pooling(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.score = nn.Embedding(V, D, padding_idx=0), nn.Linear(16, 1)
        self.gru, self.head = nn.GRU(D, 8, batch_first=True, bidirectional=True), nn.Linear(16, 4)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.words(x), lengths, batch_first=True, enforce_sorted=False)
        states = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=x.shape[1])[0]
        scores = self.score(states).squeeze(-1)
        weights = scores.masked_fill(torch.arange(x.shape[1]) >= lengths[:, None], float("-inf")).softmax(1)
        return self.head((weights[:, None] @ states).squeeze(1)), weights


def attention_pooling():
    x, lengths = padded()
    target = torch.randint(4, (B,))
    return Pooling(), (x, lengths), {
        "lengths": lengths, "target": target, "loss": lambda found, target: F.cross_entropy(found[0], target),
    }  # fmt: skip


class ConvolutionOfPacked(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.gru = nn.Conv1d(5, 8, 3, padding=1), nn.GRU(8, 6, 2, batch_first=True)

    def forward(self, packed):
        x, lengths = pad_packed_sequence(packed, batch_first=True)
        real = torch.arange(x.shape[1]) < lengths[:, None]
        y = self.conv((x * real[..., None]).transpose(1, 2)).relu().transpose(1, 2)
        again = pack_padded_sequence(y, lengths, batch_first=True, enforce_sorted=False)
        return self.gru(again)[1][-1]


def convolution_of_packed():
    lengths = torch.tensor([9, 4, 7, 2, 6])
    x = pack_padded_sequence(torch.randn(B, 9, 5), lengths, batch_first=True, enforce_sorted=False)
    return ConvolutionOfPacked(), (x,), {}


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.heat = (
            nn.ModuleList([nn.Embedding(V, D), nn.Embedding(V, D)]),
            nn.Parameter(torch.ones(())),
        )
        self.layers = nn.ModuleList([nn.LSTM(D, 8, batch_first=True), nn.LSTM(D, 8, batch_first=True)])

    def forward(self, *texts):
        ends = [
            layer(table(x))[1][0][-1] for x, table, layer in zip(texts, self.words, self.layers, strict=True)
        ]
        return [F.normalize(end, dim=-1) for end in ends], self.heat.exp()


def towers():
    def loss(outputs):
        (one, other), heat = outputs
        return F.cross_entropy(one @ other.t() * heat, torch.arange(len(one)))

    return Towers(), (words(7), words(9)), {"loss": loss, "expect": ("loss couples rows",), "batch": 0}


class Forcing(nn.Module):
    def __init__(self, share=1.0):
        super().__init__()
        self.share, self.words, self.encoder = share, nn.Embedding(V, D), nn.RNN(D, 10, batch_first=True)
        self.cell, self.head = nn.RNNCell(D, 10), nn.Linear(10, V)

    def forward(self, source, target):
        h, outputs = self.encoder(self.words(source))[1][0], []
        word = torch.full_like(target[:, 0], 1)
        for t in range(target.shape[1]):
            h = self.cell(self.words(word), h)
            outputs.append(self.head(h))
            forced = self.share == 1.0 or (self.training and bool(torch.rand(()) < self.share))
            word = target[:, t] if forced else outputs[-1].argmax(-1)
        return torch.stack(outputs, 1)


def teacher_forcing():
    target = words(6)
    return Forcing(), (words(8), target), {"loss": entropy, "target": target}


def scheduled_sampling():
    target = words(6)
    return Forcing(0.5), (words(8), target), {"loss": entropy, "target": target}


def copying():
    """The target is the source, too: that is read in whole, and not held to the decoder's steps."""
    x = words(8)
    return Translator(), (x, x.clone()), {"loss": shifting, "target": x.clone(), "batch": 0}


class Gpt(nn.Module):
    """Attention by hand, with a loss inside if labels are given."""

    def __init__(self, how):
        super().__init__()
        self.how, self.words, self.places = how, nn.Embedding(V, D), nn.Embedding(T, D)
        self.qkv, self.norm, self.head = nn.Linear(D, 3 * D), nn.LayerNorm(D), nn.Linear(D, V, bias=False)
        self.head.weight = self.words.weight

    def forward(self, input_ids, labels=None):
        n = input_ids.shape[1]
        x = self.words(input_ids) + self.places(torch.arange(n)[None])
        q, k, v = self.qkv(self.norm(x)).view(-1, n, 3, 2, D // 2).permute(2, 0, 3, 1, 4)
        past = torch.ones(n, n, dtype=torch.bool).tril()
        if self.how == "fused":
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        elif self.how == "added":
            y = (q @ k.mT + torch.full((n, n), -1e9).triu(1)).softmax(-1) @ v
        elif self.how == "einsum":
            weights = torch.where(past, torch.einsum("bhid,bhjd->bhij", q, k), -1e9).softmax(-1)
            y = torch.einsum("bhij,bhjd->bhid", weights, v)
        else:
            y = (q @ k.mT).masked_fill(~past, float("-inf")).softmax(-1) @ v
        logits = self.head(x + y.transpose(1, 2).flatten(2))
        return {"logits": logits} | ({} if labels is None else {"loss": shifting(logits, labels)})


def gpt(how):
    def case():
        ids = words()
        return Gpt(how), (ids,), {"loss": lambda found, ids: shifting(found["logits"], ids), "target": ids}

    return case


def gpt_with_labels():
    ids = words()
    options = {"kwargs": {"labels": ids.clone()}, "loss": lambda found: found["loss"], "causal": True}
    return Gpt("masked"), (ids,), options


class Sentences(nn.Module):
    """A VAE with a teacher-forced decoder."""

    def __init__(self):
        super().__init__()
        self.words, self.encoder = nn.Embedding(V, D, padding_idx=0), nn.LSTM(D, 9, batch_first=True)
        self.mean, self.size, self.start = nn.Linear(9, 4), nn.Linear(9, 4), nn.Linear(4, 9)
        self.decoder, self.head = nn.GRU(D, 9, batch_first=True), nn.Linear(9, V)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.words(x), lengths, batch_first=True, enforce_sorted=False)
        end = self.encoder(packed)[1][0][-1]
        mean, size = self.mean(end), self.size(end)
        z = torch.distributions.Normal(mean, size.exp()).rsample()
        given = torch.cat([torch.full_like(x[:, :1], 1), x[:, :-1]], 1)
        return self.head(self.decoder(self.words(given), self.start(z)[None].contiguous())[0]), mean, size


def sentence_vae():
    def loss(found, x):
        logits, mean, size = found
        return entropy(logits, x, ignore_index=0) + (mean.square() + (2 * size).exp() - 2 * size).mean()

    x, lengths = padded()
    return Sentences(), (x, lengths), {"lengths": lengths, "loss": loss, "target": x}


class Masked(nn.Module):
    """A language model of masked words, with a token before each row and the types of tokens."""

    def __init__(self):
        super().__init__()
        self.words, self.types, self.head = nn.Embedding(V, D), nn.Embedding(2, D), nn.Linear(D, V)
        layer = nn.TransformerEncoderLayer(D, 2, 24, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, x, attention_mask):
        x = torch.cat([torch.full_like(x[:, :1], 2), x], 1)
        states = self.words(x) + self.types(torch.zeros_like(x))
        padding = F.pad(attention_mask, (1, 0), value=1) == 0
        return self.head(self.encoder(states, src_key_padding_mask=padding))[:, 1:]


def masked_words():
    x, lengths = padded()
    real = torch.arange(T) < lengths[:, None]
    chosen = (torch.rand(B, T) < 0.4) & real
    chosen[:, 0] = True
    target = torch.where(chosen, x, -100)
    return Masked(), (x.masked_fill(chosen, 1), real.long()), {
        "lengths": lengths, "loss": entropy, "target": target,
    }  # fmt: skip


class Codes(nn.Module):
    """A causal autoencoder with a codebook: it reads the step that it is to give back, and is meant to."""

    def __init__(self):
        super().__init__()
        self.encoder, self.book, self.head = (
            nn.GRU(3, 6, batch_first=True),
            nn.Embedding(16, 6),
            nn.Linear(6, 3),
        )

    def forward(self, x):
        z = self.encoder(x)[0]
        q = self.book(torch.cdist(z, self.book.weight[None].expand(len(z), -1, -1)).argmin(-1))
        return self.head(z + (q - z).detach()), z, q


def codes():
    def loss(found, x):
        y, z, q = found
        return F.mse_loss(y, x) + F.mse_loss(z.detach(), q) + F.mse_loss(z, q.detach())

    x = torch.randn(B, T, 3)
    return Codes(), (x,), {"batch": 0, "loss": loss, "target": x}


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(4, 16), nn.ReLU()).requires_grad_(False)
        self.lstm = nn.LSTM(16, 8, batch_first=True)

    def forward(self, x):
        with torch.no_grad():
            features = self.features(x)
        return self.lstm(features)[0]


def frozen_features():
    return Frozen(), (torch.randn(B, T, 4),), {"batch": 0, "causal": True}


CASES = {
    "decoder, shifted before": decoder_shifted_before,
    "decoder, shifted in the loss": decoder_shifted_in_the_loss,
    "attention pooling": attention_pooling,
    "convolution of a packed batch": convolution_of_packed,
    "towers": towers,
    "teacher forcing": teacher_forcing,
    "scheduled sampling": scheduled_sampling,
    "copying": copying,
    **{f"gpt, {how}": gpt(how) for how in ("masked", "added", "einsum", "fused")},
    "gpt with labels": gpt_with_labels,
    "sentence VAE": sentence_vae,
    "masked words": masked_words,
    "codes": codes,
    "frozen features": frozen_features,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CASES)
def test_nothing_is_held_against_it(name, seed):
    torch.manual_seed(seed)
    model, inputs, options = CASES[name]()
    report = rnncourse.audit(model, *inputs, **options)
    assert report.ok, str(report)
    assert not any("raised" in gap for gap in report.not_checked), report.not_checked
