"""RNN, LSTM and GRU against torch.nn's. Packing has test_packed.py, refusals test_errors.py."""

import copy
import io
import itertools
import pickle
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import (
    FORMS,
    LAYERS,
    VARIANTS,
    B,
    H,
    I,
    P,
    T,
    assert_dropout_agrees,
    assert_layer_agrees,
    assert_parameters_equal,
    assert_same,
    assert_starts_as_torchs,
    by_name,
    pair,
    random,
    run,
    sequence,
    states,
    states_for,
)
from torch import nn

import rnncourse
from rnncourse import LSTMState

# Every option with every other, but bias: with none, two layers and a given state will do.
GRID = [
    (variant, layers, bidirectional, bias, form, hx)
    for variant, layers, bidirectional, bias, form, hx in itertools.product(
        VARIANTS, (1, 2, 3), (False, True), (True, False), FORMS, (True, False)
    )
    if bias or (layers == 2 and hx)
]


@pytest.mark.parametrize(("variant", "layers", "bidirectional", "bias", "form", "hx"), GRID)
def test_agrees_with_torch(variant, layers, bidirectional, bias, form, hx):
    """Outputs, states and all gradients in float64."""
    assert_layer_agrees(variant, form, hx, num_layers=layers, bidirectional=bidirectional, bias=bias)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_agrees_with_torch_in_float32(variant, form):
    for layers, bidirectional in ((1, False), (2, True)):
        assert_layer_agrees(
            variant, form, num_layers=layers, bidirectional=bidirectional, dtype=torch.float32
        )


@settings(max_examples=60)
@given(st.data())
def test_agrees_with_torch_at_any_size(data):
    size = st.integers(1, 4)
    steps, batch, input_size, layers = (data.draw(size, name) for name in ("T", "B", "I", "L"))
    kind, options = VARIANTS[data.draw(st.sampled_from(list(VARIANTS)))]
    hidden_size = data.draw(st.integers(2 if "proj_size" in options else 1, 5), "H")
    if "proj_size" in options:
        options = {"proj_size": data.draw(st.integers(1, hidden_size - 1), "P")}
    flags = {name: data.draw(st.booleans(), name) for name in ("bias", "batch_first", "bidirectional")}
    mine, theirs = pair(kind, input_size, hidden_size, num_layers=layers, **flags, **options)
    leading = (batch, steps) if flags["batch_first"] else (steps, batch)
    input = random(*leading, input_size)
    hx = states_for(theirs, batch) if data.draw(st.booleans(), "hx") else None
    assert_same(
        run(mine, input, hx), run(theirs, input, hx), tolerance=1e-11
    )  # few entries: none need be large


@pytest.mark.parametrize("kind", LAYERS)
class TestConstructor:
    def options(self, kind) -> dict:
        """Every argument after the sizes, by torch's name, in torch's order, none at its default."""
        first = {"num_layers": 2} | ({"nonlinearity": "relu"} if kind == "RNN" else {})
        last = {"proj_size": P} if kind == "LSTM" else {}
        flags = {"bias": False, "batch_first": True, "dropout": 0.25, "bidirectional": True}
        return first | flags | last | {"device": "meta", "dtype": torch.bfloat16}

    def test_arguments_by_name_and_by_position(self, kind):
        options = self.options(kind)
        theirs = getattr(nn, kind)(I, H, **options)
        where = {name: options.pop(name) for name in ("device", "dtype")}  # torch takes these by name
        for ours in (
            getattr(rnncourse, kind)(I, H, *options.values(), **where),
            getattr(rnncourse, kind)(I, H, **options, **where),
            getattr(rnncourse, kind)(input_size=I, hidden_size=H, **options, **where),
        ):
            assert_alike(ours, theirs)

    def test_each_argument_alone(self, kind):
        """All others at their defaults."""
        for name, value in self.options(kind).items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # dropout without a second layer
                ours, theirs = (getattr(m, kind)(I, H, **{name: value}) for m in (rnncourse, nn))
            assert_alike(ours, theirs)

    def test_no_argument_too_many(self, kind):
        options = self.options(kind)
        with pytest.raises(TypeError):
            getattr(rnncourse, kind)(I, H, *options.values(), 0)
        with pytest.raises(TypeError):
            getattr(rnncourse, kind)(I, H, hidden=3)

    @pytest.mark.parametrize("bias", [True, False])
    @pytest.mark.parametrize("bidirectional", [True, False])
    def test_parameters_start_as_torchs(self, kind, bidirectional, bias):
        for more in [{}] + [{"proj_size": P}] * (kind == "LSTM"):
            assert_starts_as_torchs(kind, num_layers=3, bidirectional=bidirectional, bias=bias, **more)

    def test_all_weights(self, kind):
        options = {"num_layers": 2, "bidirectional": True} | ({"proj_size": P} if kind == "LSTM" else {})
        ours, theirs = pair(kind, **options)
        assert [len(group) for group in ours.all_weights] == [len(group) for group in theirs.all_weights]
        flat, wanted = ([w for group in m.all_weights for w in group] for m in (ours, theirs))
        assert all(weight is own for weight, own in zip(flat, ours.parameters(), strict=True))
        assert all(map(torch.equal, flat, wanted))

    def test_warns_of_dropout_without_a_second_layer(self, kind):
        messages = []
        for module in (rnncourse, nn):
            with pytest.warns(UserWarning, match="dropout") as caught:
                getattr(module, kind)(I, H, dropout=0.5)
            messages.append(caught)
        ours, theirs = messages
        assert len(ours) == len(theirs) == 1
        assert ours[0].filename == __file__  # it points at the line that asked for it
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            getattr(rnncourse, kind)(I, H, num_layers=2, dropout=0.5)


@pytest.mark.parametrize("kind", LAYERS)
class TestModule:
    def test_state_dict_both_ways(self, kind):
        options = {"num_layers": 2, "bidirectional": True} | ({"proj_size": P} if kind == "LSTM" else {})
        ours, theirs = getattr(rnncourse, kind)(I, H, **options), getattr(nn, kind)(I, H, **options)
        ours.load_state_dict(theirs.state_dict(), strict=True)
        assert_parameters_equal(ours, theirs)
        ours.reset_parameters()
        theirs.load_state_dict(ours.state_dict(), strict=True)
        assert_parameters_equal(ours, theirs)

    def test_copies_answer_alike_and_share_nothing(self, kind):
        layer, _ = pair(kind, num_layers=2)
        input, hx = sequence("dense"), states_for(layer)
        saved = io.BytesIO()
        torch.save(layer, saved)
        saved.seek(0)
        copies = (
            copy.deepcopy(layer),
            pickle.loads(pickle.dumps(layer)),
            torch.load(saved, weights_only=False),
        )
        wanted = run(layer, input, hx)
        for twin in copies:
            assert_same(run(twin, input, hx), wanted, tolerance=0)
            with torch.no_grad():
                for weight in twin.parameters():
                    weight.zero_()
        assert_same(run(layer, input, hx), wanted, tolerance=0)

    def test_flatten_parameters_does_nothing(self, kind):
        layer, _ = pair(kind)
        kept, pointers = copy.deepcopy(layer.state_dict()), [w.data_ptr() for w in layer.parameters()]
        assert layer.flatten_parameters() is None
        assert_same(layer.state_dict(), kept, tolerance=0)
        assert [weight.data_ptr() for weight in layer.parameters()] == pointers

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
    def test_moves_to_dtype(self, kind, dtype):
        mine, theirs = (m.to(dtype) for m in pair(kind, num_layers=2, bidirectional=True))
        input, hx = sequence("dense", dtype), states_for(theirs)
        assert_same(run(mine, input, hx), run(theirs, input, hx))

    def test_follows_a_new_weight(self, kind):
        """A parameter that is assigned anew is the one that is used."""
        mine, theirs = pair(kind)
        for module in (mine, theirs):
            module.weight_hh_l0 = nn.Parameter(random(*module.weight_hh_l0.shape, seed=5))
        assert_same(run(mine, sequence("dense")), run(theirs, sequence("dense")))

    def test_follows_its_attributes(self, kind):
        """batch_first and dropout may be set later."""
        mine, theirs = pair(kind, num_layers=2)
        results = []
        for module in (mine, theirs):
            module.batch_first, module.dropout = True, 0.5
            torch.manual_seed(6)
            results.append(run(module, sequence("batch_first"), states_for(module)))
        assert_same(*results)

    def test_made_where_torch_says(self, kind):
        """The default dtype and the device that is in force."""
        kept = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            with torch.device("meta"):
                layer = getattr(rnncourse, kind)(I, H)
        finally:
            torch.set_default_dtype(kept)
        assert {(str(w.device), w.dtype) for w in layer.parameters()} == {("meta", torch.float64)}

    def test_on_meta(self, kind):
        mine, theirs = (getattr(m, kind)(I, H, 2, bidirectional=True, device="meta") for m in (rnncourse, nn))
        input = torch.empty(T, B, I, device="meta")
        ours, wanted = by_name(mine, mine(input)), by_name(theirs, theirs(input))
        assert_same(ours, wanted)
        assert {tensor.device.type for tensor in ours.values()} == {"meta"}


@pytest.mark.parametrize("kind", LAYERS)
class TestForward:
    def test_returns_named_state(self, kind):
        layer, _ = pair(kind, num_layers=2)
        for form in FORMS[2:]:
            _, last = layer(sequence(form))
            if kind == "LSTM":
                assert isinstance(last, LSTMState)
                assert last == (last.h, last.c)
            else:
                assert isinstance(last, torch.Tensor)
        layer(sequence("dense"), layer(sequence("dense"))[1])  # and it goes in again

    def test_arguments_by_name(self, kind):
        layer, _ = pair(kind)
        input, hx = sequence("dense"), states_for(layer)
        assert_same(by_name(layer, layer(hx=hx, input=input)), by_name(layer, layer(input, hx)), tolerance=0)

    @pytest.mark.parametrize("shape", [(T, 0, I), (1, B, I), (1, 1, I)], ids=str)
    def test_smallest_batches(self, kind, shape):
        mine, theirs = pair(kind, num_layers=2, bidirectional=True)
        for hx in (None, states(kind, 4, shape[1], H)):
            assert_same(run(mine, random(*shape), hx), run(theirs, random(*shape), hx))

    def test_batch_first_is_ignored_without_a_batch(self, kind):
        mine, theirs = pair(kind, batch_first=True, num_layers=2)
        hx = states_for(theirs, batch=None)
        assert_same(run(mine, random(T, I), hx), run(theirs, random(T, I), hx))

    def test_strided_input_and_state(self, kind):
        mine, theirs = pair(kind, num_layers=2, bidirectional=True)
        input = random(B, I, T).permute(2, 0, 1)
        h = random(B, 4, H, seed=2).transpose(0, 1)
        hx = (h, random(4, B, 2 * H, seed=3)[..., ::2]) if kind == "LSTM" else h
        assert not input.is_contiguous()
        assert_same(run(mine, input, hx), run(theirs, input, hx))

    def test_expanded_state(self, kind):
        """One learnt first state for the whole batch: its gradient is the sum over the batch."""

        def gradient(layer):
            first = random(1, 1, H, seed=2).requires_grad_()
            hx = first.expand(1, B, H)
            outputs = by_name(layer, layer(sequence("dense"), (hx, hx) if kind == "LSTM" else hx))
            return {"dfirst": torch.autograd.grad(outputs["output"].square().sum(), first)[0]}

        ours, theirs = map(gradient, pair(kind))
        assert_same(ours, theirs)

    def test_leaves_its_arguments_alone(self, kind):
        layer, _ = pair(kind, num_layers=2, bidirectional=True)
        input, hx = sequence("dense"), states_for(layer)
        kept = copy.deepcopy((input, hx))
        with torch.no_grad():
            layer(input, hx)
        torch.testing.assert_close((input, hx), kept, rtol=0, atol=0)

    def test_results_share_no_memory(self, kind):
        """To write into one result changes neither the others nor what went in."""
        layer, _ = pair(kind)
        input, hx = sequence("dense"), states_for(layer)
        with torch.no_grad():
            results = by_name(layer, layer(input, hx))
            tensors = [input, *(hx if isinstance(hx, tuple) else [hx]), *results.values()]
            for i, tensor in enumerate(tensors):
                others = [other.clone() for other in tensors[:i] + tensors[i + 1 :]]
                tensor.fill_(i)
                assert all(map(torch.equal, tensors[:i] + tensors[i + 1 :], others))


@pytest.mark.parametrize("kind", LAYERS)
class TestDropout:
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
    @pytest.mark.parametrize("dropout", [0.5, 1.0])
    @pytest.mark.parametrize("form", FORMS)
    def test_draws_the_mask_that_torch_draws(self, kind, form, dropout, dtype):
        assert_dropout_agrees(kind, form, dropout=dropout, dtype=dtype)

    def test_is_off_in_eval(self, kind):
        mine, theirs = (m.eval() for m in pair(kind, dropout=0.5, num_layers=2))
        plain, _ = pair(kind, num_layers=2)
        results = [run(m, sequence("dense")) for m in (mine, theirs, plain)]
        assert_same(results[0], results[1])
        assert_same(results[0], results[2], tolerance=0)

    def test_never_after_the_last_layer(self, kind):
        with pytest.warns(UserWarning, match="dropout"):
            mine, _ = pair(kind, dropout=0.9)
        assert mine(sequence("dense"))[0].count_nonzero() == T * B * H


@pytest.mark.parametrize("kind", LAYERS)
class TestBackward:
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
    def test_from_any_one_output(self, kind, dtype):
        """A loss often uses the output alone, or a last state alone."""
        mine, theirs = pair(kind, num_layers=2, bidirectional=True, dtype=dtype)
        input, hx = sequence("unsorted", dtype), states_for(theirs)
        for name in ("output", "h_n", "c_n")[: 3 if kind == "LSTM" else 2]:
            assert_same(run(mine, input, hx, upstream=(name,)), run(theirs, input, hx, upstream=(name,)))

    def test_with_frozen_weights(self, kind):
        """Of the parameters that still require a gradient, each gets torch's; the frozen get none."""
        mine, theirs = pair(kind, num_layers=2)
        names = [name for name, _ in theirs.named_parameters()]
        input, hx = sequence("dense"), states_for(theirs)
        for frozen in (names[:1], names[1:2], names[2:4], names[4:], names):
            for module in (mine, theirs):
                for name, weight in module.named_parameters():
                    weight.requires_grad_(name not in frozen)
            assert_same(run(mine, input, hx), run(theirs, input, hx))

    def test_without_a_gradient_for_the_input(self, kind):
        mine, theirs = pair(kind, num_layers=2)
        for module in (mine, theirs):
            output, _ = module(sequence("dense"))
            output.backward(random(*output.shape, seed=9))
        ours, wanted = ({n: w.grad for n, w in m.named_parameters()} for m in (mine, theirs))
        assert_same(ours, wanted)

    def test_nothing_requires_a_gradient(self, kind):
        layer, _ = pair(kind)
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                assert not layer(sequence("dense"))[0].requires_grad
        layer.requires_grad_(False)
        assert not layer(sequence("dense"))[0].requires_grad

    def test_results_may_be_changed_in_place(self, kind):
        """Each in turn, before the backward: torch's own layer allows it."""

        def gradient(layer, result):
            input = sequence("dense").requires_grad_()
            outputs = by_name(layer, layer(input, states_for(layer)))
            outputs[result].mul_(random(*outputs[result].shape, seed=9))
            return torch.autograd.grad(sum(o.sum() for o in outputs.values()), input)[0]

        mine, theirs = pair(kind, num_layers=2)
        for result in ("output", "h_n", "c_n")[: 3 if kind == "LSTM" else 2]:
            assert_same({"dinput": gradient(mine, result)}, {"dinput": gradient(theirs, result)})

    def test_twice(self, kind):
        """retain_graph gives the same again; without it torch refuses."""
        layer, _ = pair(kind)
        input = sequence("dense").requires_grad_()
        loss = layer(input)[0].square().sum()
        first = torch.autograd.grad(loss, input, retain_graph=True)[0]
        assert torch.equal(torch.autograd.grad(loss, input)[0], first)
        with pytest.raises(RuntimeError, match="second time"):
            torch.autograd.grad(loss, input)

    @pytest.mark.parametrize("form", ["dense", "unsorted"])
    def test_of_the_backward(self, kind, form):
        """A gradient penalty: the gradient of a gradient, for the input and every parameter."""

        def second(layer):
            input = sequence(form)
            leaf = (input.data if form == "unsorted" else input).requires_grad_()
            input = input._replace(data=leaf) if form == "unsorted" else leaf
            outputs = by_name(layer, layer(input, states_for(layer)))
            loss = sum(o.square().sum() for o in outputs.values())
            first = torch.autograd.grad(loss, [leaf, *layer.parameters()], create_graph=True)
            penalty = sum(g.square().sum() for g in first)
            names = ["input", *(name for name, _ in layer.named_parameters())]
            return dict(zip(names, torch.autograd.grad(penalty, [leaf, *layer.parameters()]), strict=True))

        ours, theirs = map(second, pair(kind, num_layers=2, bidirectional=True))
        assert_same(ours, theirs)

    def test_double_backward_by_finite_differences(self, kind):
        layer, _ = pair(kind, 2, 2)
        hx = states_for(layer, 2)
        leaves = [leaf.requires_grad_() for leaf in (random(2, 2, 2), *(hx if kind == "LSTM" else (hx,)))]

        def forward(input, *hx):
            outputs = by_name(layer, layer(input, hx if kind == "LSTM" else hx[0]))
            return tuple(outputs.values())

        assert torch.autograd.gradgradcheck(forward, leaves)


def assert_alike(ours: nn.Module, theirs: nn.Module) -> None:
    """The same repr, options and parameters' names, shapes, dtypes and devices."""
    assert repr(ours) == repr(theirs)
    names = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"]
    names += ["proj_size", "mode"] + ["nonlinearity"] * (type(ours).__name__ == "RNN")
    for name in names:
        mine, wanted = getattr(ours, name), getattr(theirs, name)
        assert (mine, type(mine)) == (wanted, type(wanted)), name
    mine, wanted = (
        [(name, w.shape, w.dtype, w.device, w.requires_grad) for name, w in m.named_parameters()]
        for m in (ours, theirs)
    )
    assert mine == wanted
