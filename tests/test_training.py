"""The training loop: what it keeps, when it stops, and that a resumed run equals an uninterrupted one."""

import inspect
import os
import signal
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rnncourse import training
from rnncourse.training import History, fit


class Net(nn.Module):
    """A small net with dropout, so that its training draws random numbers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(7)
        self.lstm, self.drop, self.head = nn.LSTM(2, 5, batch_first=True), nn.Dropout(0.3), nn.Linear(5, 1)

    def forward(self, x):
        return self.head(self.drop(self.lstm(x)[0][:, -1]))


def loss(model, batch):
    x, y = batch
    return nn.functional.mse_loss(model(x), y)


def batches():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 6, 2, generator=generator)
    y = x[:, :, :1].sum(1)
    parts = TensorDataset(x[:40], y[:40]), TensorDataset(x[40:], y[40:])
    return DataLoader(parts[0], 8, shuffle=True), DataLoader(parts[1], 20)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def assert_same(model, other):
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def valid_loss(model):
    with torch.no_grad():
        return loss(model, next(iter(batches()[1]))).item()


def test_it_learns_and_leaves_the_best_epoch_in_evaluation_mode():
    model = Net()
    before = valid_loss(model.eval())
    history = fit(model, batches(), loss, epochs=60, lr=0.05, patience=2)
    assert len(history.train) == len(history.valid) == history.best + 3  # so the best is not the last
    assert history.best == min(range(len(history.valid)), key=history.valid.__getitem__)
    assert history.valid[history.best] < 0.5 * before
    assert not model.training
    assert valid_loss(model) == history.valid[history.best]
    assert not history.interrupted


def test_a_seed_fixes_the_run_and_the_generator_outside_is_left_alone():
    runs = []
    for outside, seed in [(1, 0), (2, 0), (2, 1)]:
        torch.manual_seed(outside)
        before = torch.get_rng_state()
        model = Net()
        torch.set_rng_state(before)
        runs.append((model, fit(model, batches(), loss, epochs=3, seed=seed)))
        assert torch.equal(torch.get_rng_state(), before)
    (a, first), (b, second), (_, third) = runs
    assert first == second
    assert_same(a, b)
    assert first.train != third.train


def test_each_epoch_is_shuffled_anew():
    seen = []

    def watched(model, batch):
        if model.training:
            seen.append(batch[0])
        return loss(model, batch)

    fit(Net(), batches(), watched, epochs=2)
    first, second = torch.cat(seen[:5]), torch.cat(seen[5:])
    assert not torch.equal(first, second)
    assert torch.equal(first.flatten().sort()[0], second.flatten().sort()[0])


def test_resumed_equals_uninterrupted(tmp_path):
    whole, parts, file = Net(), Net(), tmp_path / "run.pt"
    history = fit(whole, batches(), loss, epochs=7)
    assert len(fit(parts, batches(), loss, epochs=3, checkpoint=file).train) == 3
    fresh = Net()
    nn.init.zeros_(fresh.head.weight)  # all that matters comes from the file
    assert fit(fresh, batches(), loss, epochs=7, checkpoint=file) == history
    assert_same(fresh, whole)


def test_a_finished_run_is_not_trained_again(tmp_path):
    file = tmp_path / "run.pt"
    model, again = Net(), Net()
    history = fit(model, batches(), loss, epochs=2, checkpoint=file)

    def forbidden(*_):
        raise AssertionError("trained again")

    assert fit(again, batches(), forbidden, epochs=2, checkpoint=file) == history
    assert_same(again, model)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    file = tmp_path / "run.pt"
    fit(Net(), batches(), loss, epochs=1, checkpoint=file)
    with pytest.raises(
        ValueError, match=r"'seed': 0.* this run has .*'seed': 1.*Delete the file to start over"
    ):
        fit(Net(), batches(), loss, epochs=2, seed=1, checkpoint=file)


KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[2].split(os.pathsep)
import torch
from test_training import Net, batches, loss
from rnncourse.training import fit
torch.set_num_threads(1)
calls = 0
def deadly(model, batch):
    global calls
    calls += 1
    if calls == 3 * (5 + 1) + 4:  # five training batches and one for validation an epoch: within the fourth
        os.kill(os.getpid(), signal.SIGKILL)
    return loss(model, batch)
fit(Net(), batches(), deadly, epochs=6, checkpoint=sys.argv[1])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_kill_9_loses_one_epoch_at_most(tmp_path):
    file, path = tmp_path / "run.pt", os.pathsep.join([os.path.dirname(__file__), *sys.path])
    done = subprocess.run([sys.executable, "-c", KILLED, str(file), path], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(torch.load(file, weights_only=True)["history"]["train"]) == 3
    whole, resumed = Net(), Net()
    history = fit(whole, batches(), loss, epochs=6)
    assert fit(resumed, batches(), loss, epochs=6, checkpoint=file) == history
    assert_same(resumed, whole)


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    file = tmp_path / "run.pt"
    fit(Net(), batches(), loss, epochs=1, checkpoint=file)
    old = file.read_bytes()

    def half(state, path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(training.torch, "save", half)
    with pytest.raises(OSError, match="disk full"):
        fit(Net(), batches(), loss, epochs=2, checkpoint=file)
    assert file.read_bytes() == old


@pytest.fixture
def sigint():
    """Python's own handler: a process that a shell started in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint")
def test_an_interrupt_keeps_the_best_so_far(tmp_path):
    calls, model = 0, Net()

    def stopped(model, batch):
        nonlocal calls
        calls += 1
        if calls == 3 * (5 + 1) + 4:
            signal.raise_signal(signal.SIGINT)  # what Ctrl-C and Stop send
        return loss(model, batch)

    history = fit(model, batches(), stopped, epochs=20, checkpoint=tmp_path / "run.pt")
    assert history.interrupted
    assert len(history.train) == 3
    assert valid_loss(model) == history.valid[history.best]
    resumed, whole = Net(), Net()
    after = fit(resumed, batches(), loss, epochs=5, checkpoint=tmp_path / "run.pt")
    assert after == fit(whole, batches(), loss, epochs=5)  # it is no longer interrupted
    assert_same(resumed, whole)


def test_an_interrupt_before_the_first_epoch_ends_leaves_the_initial_weights():
    model, calls = Net(), 0

    def stopped(model, batch):
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return loss(model, batch)

    history = fit(model, batches(), stopped)
    assert history == History(interrupted=True)
    assert_same(model, Net())


@pytest.mark.parametrize("resumed", [False, True])
def test_it_stops_after_patience_epochs_without_a_better_one(resumed, tmp_path):
    losses = [5.0, 4.0, 4.5, 3.0, 3.0, 6.0, float("nan"), 1.0]  # 3.0 again is not better
    seen = []

    def given(model, batch):
        if model.training:
            return loss(model, batch)
        seen.append(losses[len(seen)])
        return torch.tensor(seen[-1])

    file = tmp_path / "run.pt"
    if resumed:
        fit(Net(), batches(), given, epochs=5, patience=3, checkpoint=file)
    history = fit(Net(), batches(), given, epochs=20, patience=3, checkpoint=file)
    assert history.best == 3
    assert len(history.valid) == 7
    assert history.valid[:6] == losses[:6]


def test_a_bar_that_stops_early_is_full_and_says_so(capsys):
    """Otherwise a notebook draws it in red, as if the training had failed."""
    history = fit(Net(), batches(), lambda model, batch: 0 * loss(model, batch), epochs=20, patience=2)
    last = capsys.readouterr().err.rsplit("\r", 1)[-1]
    assert last.startswith("epochs, stopped early: 100%")
    assert f" {len(history.train)}/{len(history.train)} " in last


def test_gradients_are_clipped_to_the_norm():
    norms = []

    class Watched(torch.optim.Adam):
        def step(self, closure=None):
            grads = [p.grad for group in self.param_groups for p in group["params"]]
            norms.append(torch.stack([g.norm() for g in grads]).norm().item())
            return super().step(closure)

    def steep(model, batch):
        return 1000 * loss(model, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.torch.optim, "Adam", Watched)
        fit(Net(), batches(), steep, epochs=1, clip=0.25)
    assert norms == pytest.approx([0.25] * 5, rel=1e-4)


def test_padding_is_ignored_where_the_loss_ignores_it():
    """Random padding: the same losses and the same weights, whatever stands in the padding."""

    def run(fill):
        generator = torch.Generator().manual_seed(3)
        x, y = torch.randn(12, 5, 2, generator=generator), torch.randint(3, (12, 5), generator=generator)
        padded = torch.arange(5) >= torch.randint(2, 6, (12, 1), generator=generator)
        x[padded], y[padded] = fill, -100
        torch.manual_seed(0)
        model = nn.ModuleList([nn.LSTM(2, 4, batch_first=True), nn.Linear(4, 3)])

        def masked(model, batch):
            logits = model[1](model[0](batch[0])[0])
            return nn.functional.cross_entropy(logits.transpose(1, 2), batch[1])

        data = DataLoader(TensorDataset(x, y), 4, shuffle=True), DataLoader(TensorDataset(x, y), 12)
        return model, fit(model, data, masked, epochs=2)

    (a, first), (b, second) = run(0.0), run(9.0)
    assert first == second
    assert_same(a, b)


def test_the_history_plots_itself():
    import matplotlib.pyplot as plt

    history = History(train=[3.0, 2.0, 1.0], valid=[3.5, 2.5, 2.75], best=1)
    ax = history.plot()
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert drawn["training"] == [[1, 3.0], [2, 2.0], [3, 1.0]]
    assert drawn["validation"] == [[1, 3.5], [2, 2.5], [3, 2.75]]
    assert drawn["kept"] == [[2, 2.5]]
    assert ax.figure.alt.endswith("lowest validation loss, 2.500, is in epoch 2.")
    given = plt.subplots()[1]
    assert History().plot(given) is given
    plt.close("all")


def test_an_iterator_is_refused_since_the_second_epoch_would_be_empty():
    train, valid = batches()
    for data in ((iter(train), valid), (train, (batch for batch in valid))):
        with pytest.raises(TypeError, match="data: an iterator gives its batches only once"):
            fit(Net(), data, loss)


def test_the_loop_fits_on_one_page():
    assert len(inspect.getsource(training).splitlines()) <= 165


@pytest.mark.parametrize("empty", [0, 1])
def test_no_batches_end_in_a_sentence(empty):
    x = torch.randn(3, 2)
    batches = [[x], [x]]
    batches[empty] = DataLoader(x, batch_size=4, drop_last=True)
    with pytest.raises(ValueError, match="data: expected batches, got none"):
        fit(nn.Linear(2, 1), tuple(batches), lambda model, batch: model(batch).sum())
