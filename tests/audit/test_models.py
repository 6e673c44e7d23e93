"""Every planted bug is named; nothing is held against a sound model; and nothing of either is changed."""

import random

import numpy as np
import pytest
import torch
from families import PLANTED, SOUND, family
from torch import nn

import rnncourse

SEEDS = range(5)


def state_of(model, inputs, options):
    """Everything that an audit must leave alone, in a form that can be compared."""
    found = {
        "rng": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),
        "random": random.getstate(),
    }
    for name, module in model.named_modules():
        found[f"{name} mode"] = module.training
        hooks = {key: list(value) for key, value in vars(module).items() if "hooks" in key and value}
        found[f"{name} hooks"] = hooks
        plain = {key: value for key, value in vars(module).items() if not key.startswith("_")}
        found[f"{name} attributes"] = {
            key: (id(value), value.detach().tolist() if isinstance(value, torch.Tensor) else None)
            for key, value in plain.items()
        }
    for name, p in model.named_parameters():
        found[name] = id(p), p._version, p.detach().tolist(), None if p.grad is None else p.grad.tolist()
    for name, b in model.named_buffers():
        found[name] = id(b), b.tolist()
    tensors = [t for t in (*inputs, options.get("target")) if isinstance(t, torch.Tensor)]
    found["inputs"] = [(id(t), t._version, t.tolist(), t.requires_grad) for t in tensors]
    return found


def audited(name, bug, seed=0):
    torch.manual_seed(seed)
    model, inputs, options = family(name).make(bug)
    for p in model.parameters():
        p.grad = torch.full_like(p, 0.5)
    before = state_of(model, inputs, options)
    report = rnncourse.audit(model, *inputs, **options)
    assert str(state_of(model, inputs, options)) == str(before)
    assert not any("raised" in gap for gap in report.not_checked), report.not_checked
    return report


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "variant"), SOUND, ids=lambda part: part or "sound")
def test_a_sound_model_is_left_in_peace(name, variant, seed):
    report = audited(name, variant, seed)
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("name", "bug"), PLANTED, ids=lambda part: part if isinstance(part, str) else part.name
)
def test_a_planted_bug_is_named(name, bug):
    report = audited(name, bug.name)
    found = [f for f in report if f.kind == bug.kind and f.level == bug.level]
    assert found, str(report)
    if bug.line:
        assert found[0].where is not None, str(report)
        assert bug.line in found[0].where.code, str(report)
    if bug.level == "✗":
        assert not report.ok


def test_families_are_many_and_each_has_its_bugs():
    names = {name for name, _ in SOUND}
    assert len(names) >= 12
    for name in names:
        assert len(family(name).BUGS) >= 5, name


def test_the_model_may_be_in_train_mode_or_have_frozen_parts():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    model.train()
    model[1].eval()
    model[0].weight.requires_grad_(False)
    rnncourse.audit(model, torch.randn(4, 5, 3), batch=0)
    assert model.training
    assert not model[1].training
    assert not model[0].weight.requires_grad
