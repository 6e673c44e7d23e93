"""What wraps, transforms or compiles torch's modules does the same to ours.

Where torch's own module can be transformed, it is the oracle; where it can't (vmap over a layer, forward
derivatives of an LSTM), plain autograd and loops are.
"""

import contextlib
import copy
import warnings

import pytest
import torch
from oracle import CELLS, LAYERS, B, H, I, T, assert_same, by_name, pair, random, run, states
from torch import nn
from torch.func import functional_call, grad, hessian, jacfwd, jvp, stack_module_state, vmap
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint

KINDS = LAYERS + CELLS
pytestmark = pytest.mark.parametrize("kind", KINDS)


def modules(kind: str, dtype=torch.float64):
    """Ours and torch's; a layer with all that a layer can have."""
    options = {} if kind in CELLS else {"num_layers": 2, "bidirectional": True}
    return pair(kind, dtype=dtype, **options)


def arguments(kind: str, dtype=torch.float64, rows: int = B):
    """An input and a state for `modules(kind)`."""
    if kind in CELLS:
        return random(rows, I, dtype=dtype), states(kind, rows, H, dtype=dtype)
    return random(T, rows, I, dtype=dtype), states(kind, 4, rows, H, dtype=dtype)


def first(result) -> torch.Tensor:
    """A cell's h, a layer's output."""
    return result if isinstance(result, torch.Tensor) else result[0]


def weight_hh(kind: str) -> str:
    return "weight_hh" if kind in CELLS else "weight_hh_l0"


class TestAutocast:
    """To bfloat16 on the CPU: what torch's own returns in bfloat16, ours does, and in float32 likewise.

    torch's runs without oneDNN. With it nn.LSTM, unlike the others, returns bfloat16, or raises on a
    processor for which oneDNN has no bfloat16 kernel.
    """

    pytestmark = pytest.mark.filterwarnings("ignore:TF32")  # of mkldnn.flags

    @pytest.mark.parametrize("hx", [None, torch.float32, torch.bfloat16], ids=str)
    @pytest.mark.parametrize("input", [torch.float32, torch.bfloat16], ids=str)
    def test_returns_torchs_dtypes(self, kind, input, hx):
        mine, theirs = modules(kind, torch.float32)
        given = [arguments(kind, input)[0]] + ([] if hx is None else [arguments(kind, hx)[1]])
        with autocast():
            assert_near(by_name(mine, mine(*given)), by_name(theirs, theirs(*given)))

    def test_gradients_are_the_weights_dtype(self, kind):
        gradients = []
        for module in modules(kind, torch.float32):
            with autocast():
                loss = first(module(*arguments(kind, torch.float32))).float().square().sum()
            gradients.append(torch.autograd.grad(loss, list(module.parameters())))
        assert_near(*(dict(enumerate(g)) for g in gradients))

    def test_does_not_cast_float64(self, kind):
        mine, theirs = modules(kind, torch.float32)
        with autocast():
            with pytest.raises(RuntimeError):
                theirs(random(*arguments(kind)[0].shape))
            with pytest.raises(RuntimeError, match=r"input.*float32.*float64"):
                mine(random(*arguments(kind)[0].shape))
            mine, theirs = modules(kind)
            assert_same(by_name(mine, mine(*arguments(kind))), by_name(theirs, theirs(*arguments(kind))))


@contextlib.contextmanager
def autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.backends.mkldnn.flags(enabled=False):
        yield


def assert_near(ours: dict, theirs: dict) -> None:
    """Equal dtypes; numbers to bfloat16's precision: it is the computation's, whatever the result's dtype."""
    assert_same(ours, theirs, tolerance=0.03)


class TestFunc:
    """torch.func."""

    def loss(self, module, weights, input):
        return first(functional_call(module, weights, (input,))).square().sum()

    def test_functional_call_and_grad(self, kind):
        """Other weights than the module's own, and the gradient for them."""
        gradients = []
        for module in modules(kind):
            weights = {name: 0.5 * w.detach() for name, w in module.named_parameters()}
            gradients.append(grad(self.loss, argnums=1)(module, weights, arguments(kind)[0]))
        assert_same(*gradients)

    def test_forward_derivative(self, kind):
        """jvp of input and state at once, against the gradients of reverse mode."""
        mine, _ = modules(kind)
        input, hx = arguments(kind)
        directions = copy.deepcopy(
            (input.sin(), tuple(h.cos() for h in hx) if isinstance(hx, tuple) else hx.cos())
        )
        out, tangent = jvp(lambda input, hx: first(mine(input, hx)), (input, hx), directions)
        upstream = random(*out.shape, seed=5)
        leaves = [t.requires_grad_() for t in (input, *(hx if isinstance(hx, tuple) else (hx,)))]
        backward = torch.autograd.grad(first(mine(input, hx)), leaves, upstream)
        along = [directions[0], *(directions[1] if isinstance(hx, tuple) else directions[1:])]
        expected = sum((g * d).sum() for g, d in zip(backward, along, strict=True))
        assert_same({"jvp": (upstream * tangent).sum()}, {"jvp": expected})

    def test_jacobian_and_hessian(self, kind):
        mine, theirs = pair(kind, 2, 3)
        input = random(2, 2) if kind in CELLS else random(2, 2, 2)
        ours = jacfwd(lambda input: first(mine(input)))(input)
        oracle = torch.autograd.functional.jacobian(lambda input: first(theirs(input)), input)
        assert_same({"jacobian": ours}, {"jacobian": oracle})
        ours = hessian(lambda input: first(mine(input)).square().sum())(input)
        oracle = torch.autograd.functional.hessian(lambda input: first(theirs(input)).square().sum(), input)
        assert_same({"hessian": ours}, {"hessian": oracle})

    def test_vmap_over_inputs_and_states(self, kind):
        """An axis more, against a loop over it. Torch's own layers refuse this."""
        mine, theirs = modules(kind)
        input, hx = (stack([arguments(kind)[i], arguments(kind)[i]]) for i in (0, 1))
        input[1] *= 2
        ours = vmap(mine)(input, hx)
        for i in range(2):
            own = tuple(h[i] for h in hx) if isinstance(hx, tuple) else hx[i]
            each = {name: tensor[i] for name, tensor in by_name(mine, ours).items()}
            assert_same(each, by_name(theirs, theirs(input[i], own)))

    def test_vmap_over_modules(self, kind):
        """An ensemble: the weights of several modules stacked, one input."""
        several = [modules(kind)[0] for _ in range(2)]
        several[1].reset_parameters()
        weights, buffers = stack_module_state(several)
        input, _ = arguments(kind)
        result = vmap(lambda w: functional_call(several[0], (w, buffers), (input,)))(weights)
        for i, module in enumerate(several):
            each = {name: tensor[i] for name, tensor in by_name(module, result).items()}
            assert_same(each, by_name(module, module(input)))

    def test_gradient_of_each_sample(self, kind):
        mine, _ = modules(kind)
        weights = {name: w.detach() for name, w in mine.named_parameters()}
        inputs = torch.stack([arguments(kind)[0], arguments(kind)[0].sin()])
        ours = vmap(grad(self.loss, argnums=1), (None, None, 0))(mine, weights, inputs)
        for i, input in enumerate(inputs):
            each = {name: gradient[i] for name, gradient in ours.items()}
            assert_same(each, grad(self.loss, argnums=1)(mine, weights, input))


def stack(items):
    """A batch of tensors, or of pairs of them."""
    if isinstance(items[0], tuple):
        return tuple(torch.stack(parts) for parts in zip(*items, strict=True))
    return torch.stack(items)


class TestCompiled:
    @pytest.mark.parametrize("backend", ["eager", "aot_eager"])
    def test_compile(self, kind, backend):
        torch._dynamo.reset()
        mine, theirs = modules(kind)
        compiled = torch.compile(mine, backend=backend)
        input, hx = arguments(kind)
        assert_same(run_compiled(compiled, mine, input, hx), run(theirs, input, hx))

    def test_export(self, kind):
        """With a batch of any size."""
        mine, theirs = modules(kind)
        mine, theirs = mine.eval(), theirs.eval()
        batch = torch.export.Dim("batch")
        axis = 0 if kind in CELLS else 1
        program = torch.export.export(mine, (arguments(kind)[0],), dynamic_shapes=({axis: batch},))
        for rows in (B, 2):
            input, _ = arguments(kind, rows=rows)
            assert_same(by_name(mine, program.module()(input)), by_name(theirs, theirs(input)))

    @pytest.mark.filterwarnings(
        "ignore"
    )  # torch.jit.trace is deprecated, and warns of shapes that become constant
    def test_trace(self, kind):
        mine, theirs = modules(kind)
        input, hx = arguments(kind)
        traced = torch.jit.trace(mine, (input, hx))
        assert_same(by_name(mine, traced(input.sin(), hx)), by_name(theirs, theirs(input.sin(), hx)))


def run_compiled(compiled, module, input, hx) -> dict:
    """`run`, the names taken from the module, the numbers from its compiled form."""
    wrapped = copy.copy(module)
    wrapped.forward = compiled.forward
    return run(wrapped, input, hx)


class TestReplaced:
    """Weights that are computed, pruned, swapped or replicated."""

    @pytest.mark.parametrize("how", ["weight_norm", "orthogonal", "spectral_norm"])
    def test_parametrised(self, kind, how):
        results = []
        for module in modules(kind):
            torch.manual_seed(5)
            getattr(parametrizations, how)(module, weight_hh(kind))
            results.append(run(module.eval(), *arguments(kind)))
        assert_same(*results, tolerance=1e-10)

    def test_pruned(self, kind):
        results = []
        for module in modules(kind):
            torch.manual_seed(5)
            prune.random_unstructured(module, weight_hh(kind), 0.5)
            results.append(run(module, *arguments(kind)))
        assert_same(*results)

    def test_weights_tied(self, kind):
        """One Parameter under two names: both directions of a layer, or the two biases."""
        names = ("bias_ih", "bias_hh") if kind in CELLS else ("weight_hh_l0", "weight_hh_l0_reverse")
        results = []
        for module in modules(kind):
            setattr(module, names[1], getattr(module, names[0]))
            results.append(run(module, *arguments(kind)))
        assert_same(*results)

    def test_replicated(self, kind):
        """As nn.DataParallel copies it: the weights are plain tensors that gradients flow through."""

        def gradients(module):
            replica = module._replicate_for_data_parallel()
            for name, weight in module.named_parameters():
                setattr(replica, name, weight.clone())
            result = first(replica(*arguments(kind)))
            return dict(enumerate(torch.autograd.grad(result.square().sum(), list(module.parameters()))))

        ours, theirs = map(gradients, modules(kind))
        assert_same(ours, theirs)

    def test_inside_a_module(self, kind):
        """Registered, moved and found as a child; its names in the state dict."""
        ours, theirs = (nn.ModuleDict({"rnn": module}) for module in modules(kind))
        assert list(ours.state_dict()) == list(theirs.state_dict())
        twin = copy.deepcopy(ours).float()
        assert {w.dtype for w in twin["rnn"].parameters()} == {torch.float32}
        assert {w.dtype for w in ours["rnn"].parameters()} == {torch.float64}


class TestAutograd:
    def test_hooks(self, kind):
        """Forward hooks see what torch's see; a full backward hook sees the same gradients."""
        seen = []
        for module in modules(kind):
            calls = []
            module.register_forward_pre_hook(lambda m, args, calls=calls: calls.append(args[0].detach()))
            module.register_forward_hook(lambda m, args, out, calls=calls: calls.append(first(out).detach()))
            module.register_full_backward_hook(
                lambda m, ins, outs, calls=calls: calls.extend([ins[0], outs[0]])
            )
            input = arguments(kind)[0].requires_grad_()
            first(module(input)).square().sum().backward()
            seen.append(dict(enumerate(calls)))
        assert_same(*seen)

    def test_checkpoint(self, kind):
        mine, _ = modules(kind)
        input, hx = arguments(kind)
        input.requires_grad_()
        gradients = []
        for call in (mine, lambda *args: checkpoint(mine, *args, use_reentrant=False)):
            gradients.append(
                torch.autograd.grad(first(call(input, hx)).square().sum(), [input, *mine.parameters()])
            )
        assert_same(*(dict(enumerate(g)) for g in gradients), tolerance=0)

    def test_saved_tensors_may_be_kept_elsewhere(self, kind):
        """Every tensor kept for the backward goes through autograd's own store."""
        mine, _ = modules(kind)
        input, hx = arguments(kind)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t.clone()):
            kept = run(mine, input, hx)
        assert_same(kept, run(mine, input, hx), tolerance=0)

    def test_anomaly_mode(self, kind):
        mine, _ = modules(kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with torch.autograd.detect_anomaly():
                result = run(mine, *arguments(kind))
        assert_same(result, run(mine, *arguments(kind)), tolerance=0)

    def test_optimises_as_torchs(self, kind):
        """Ten steps of Adam from the same weights end at the same weights."""
        mine, theirs = modules(kind)
        for module in (mine, theirs):
            optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
            for _ in range(10):
                optimiser.zero_grad()
                first(module(*arguments(kind))).square().mean().backward()
                nn.utils.clip_grad_norm_(module.parameters(), 0.1)
                optimiser.step()
        assert_same(mine.state_dict(), theirs.state_dict(), tolerance=1e-8)
