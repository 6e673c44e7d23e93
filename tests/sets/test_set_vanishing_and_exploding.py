"""Exercise set 05: the true answers against autograd and torch, and honest ways to each task."""

import inspect

import numpy as np
from honest import ways

from rnncourse.checks import vanishing_and_exploding as exercises

RUNS = exercises.four_runs()

ORACLES = ways("""
step_jacobian: autograd
    pre_activation = torch.atanh(h_t)
    return torch.func.jacrev(lambda h: torch.tanh(pre_activation + weight_hh @ h))(torch.zeros_like(h_t))
product_norms: autograd through the whole run
    # Inputs that lead from zero to just these states.
    before = torch.cat([torch.zeros_like(states[:1]), states[:-1]])
    inputs, norms = torch.atanh(states) - before @ weight_hh.T, []
    for T in range(1, len(states) + 1):
        def run(h):
            for x_t in inputs[:T]:
                h = torch.tanh(x_t + weight_hh @ h)
            return h
        norms.append(torch.linalg.svdvals(torch.func.jacrev(run)(torch.zeros_like(states[0])))[0])
    return torch.stack(norms)
clip_global: torch's
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = g.clone()
    norm = nn.utils.clip_grad_norm_(parameters, max_norm)
    return [p.grad for p in parameters], norm
memory_road: autograd
    states = [torch.randn_like(f[0]).requires_grad_()]
    for f_t in f:
        states.append(f_t * states[-1] + 1)
    return torch.stack(torch.autograd.grad(states[-1].sum(), states[:-1]))
""")


def test_the_radius_is_rho():
    for case in exercises.scale_to_radius.cases(0):
        found = exercises.scale_to_radius.truth(*case.arguments.values())
        radius = np.abs(np.linalg.eigvals(found.numpy())).max()
        np.testing.assert_allclose(radius, case.arguments["rho"])
        factors = found / case.arguments["weight_hh"]
        np.testing.assert_allclose(factors, float(factors[0, 0]))


def test_clipping_cases_are_of_both_kinds():
    for seed in range(5):
        for case in inspect.unwrap(exercises.train_clipped.cases)(seed):
            (answer,) = exercises.train_clipped.evaluate(exercises.train_clipped.truth, [case])
            norms, _ = answer.returned
            quiet = case.arguments["max_norm"] > 10
            assert (norms < case.arguments["max_norm"]).all() if quiet else (norms > 1).all()


def test_the_runs_are_what_the_diagnosis_says():
    """By the lesson's table, with room to spare; and the first curves do not tell P from R."""
    seen = {}
    for name, run in RUNS.items():
        reach, saturated = map(float, exercises.measure.truth(run.rnn, run.x))
        if reach > 10:
            seen[name] = "exploding"
        elif reach > 1e-2:
            seen[name] = "healthy"
        else:
            assert reach < 1e-6
            seen[name] = "saturated" if saturated > 0.5 else "vanishing"
            assert not 0.05 < saturated < 0.5
            assert 0.6 < run.loss[-20:].mean() < 0.8
            assert 0.01 < run.norm.min() < run.norm.max() < 5
    assert seen == exercises.diagnosis.truth
    assert RUNS["S"].loss[-20:].max() < 0.1
    assert RUNS["Q"].norm.max() > 100


HONEST = ways("""
step_jacobian: rows
    return (1 - h_t.square())[:, None] * weight_hh
step_jacobian: loop
    J = torch.zeros_like(weight_hh)
    for k in range(len(h_t)):
        for j in range(len(h_t)):
            J[k, j] = (1 - h_t[k] ** 2) * weight_hh[k, j]
    return J
product_norms: multi dot
    jacobians = list((1 - states**2)[:, :, None] * weight_hh)
    norms = []
    for t in range(1, len(jacobians) + 1):
        product = jacobians[0]
        for J in jacobians[1:t]:
            product = torch.einsum("ij,jk->ik", J, product)
        norms.append(torch.linalg.svdvals(product).max())
    return torch.stack(norms)
product_norms: of the transposed
    # Of Jᵀ, as a gradient is carried back: a matrix and its transpose have one norm.
    product, norms = (torch.eye(states.shape[1], dtype=states.dtype), torch.zeros(len(states),
        dtype=states.dtype))
    for t, h_t in enumerate(states):
        product = product @ weight_hh.T @ torch.diag(1 - h_t**2)
        norms[t] = torch.linalg.norm(product, ord=2)
    return norms
scale_to_radius: numpy
    radius = max(abs(value) for value in np.linalg.eigvals(weight_hh.numpy()))
    return rho * weight_hh / radius
scale_to_radius: by powers
    # Gelfand: the norm of a high power, its root. By squaring, each time scaled back to 1.
    power, log = weight_hh, 0.0
    for k in range(40):
        norm = power.norm()
        log = log + norm.log() / 2**k
        power = power / norm @ (power / norm)
    return weight_hh * rho / log.exp()
clip_global: one vector
    norm = torch.cat([g.reshape(-1) for g in gradients]).norm()
    if norm > max_norm:
        gradients = [max_norm * g / norm for g in gradients]
    return tuple(gradients), norm
clip_global: in floats
    norm = math.sqrt(sum(g.square().sum().item() for g in gradients))
    return [g * min(1.0, max_norm / (norm + 1e-6)) for g in gradients], norm
train_clipped: with torchs
    norms = []
    for x, target in batches:
        loss = ((head(rnn(x)[0][-1]) - target) ** 2).mean()
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_([*rnn.parameters(), *head.parameters()], max_norm).item())
        optimizer.step()
        optimizer.zero_grad()
    return norms
train_clipped: by hand
    norms = []
    for x, target in batches:
        rnn.zero_grad()
        head.zero_grad()
        torch.mean((head(rnn(x)[1][0]) - target) ** 2).backward()
        parameters = list(nn.ModuleList([rnn, head]).parameters())
        clipped, norm = clip_global_one_vector([p.grad for p in parameters], max_norm)
        for p, g in zip(parameters, clipped, strict=True):
            p.grad = g
        optimizer.step()
        norms.append(norm)
    return torch.stack(norms)
measure: with backward
    x.requires_grad_()
    output, h_n = rnn(x)
    h_n.sum().backward()
    lengths = x.grad.flatten(1).norm(dim=1)
    return ((lengths[0] / lengths[-1]).item(),
        ((output < -0.99) | (output > 0.99)).sum().item() / output.numel())
measure: with numpy
    x = x.detach().requires_grad_()
    states = rnn(x)[0]
    gradient = torch.autograd.grad(states[-1], x, torch.ones_like(states[-1]))[0].numpy()
    reach = np.sqrt((gradient[0] ** 2).sum() / (gradient[-1] ** 2).sum())
    return torch.tensor(reach), torch.tensor(np.mean(np.abs(states.detach().numpy()) > 0.99))
diagnosis: diagnosed by measuring
    found = {}
    for name, run in RUNS.items():
        reach, saturated = measure_with_numpy(run.rnn, run.x)
        quiet = "saturated" if saturated > 0.5 else "vanishing"
        found[name] = "exploding" if reach > 10 else "healthy" if reach > 1e-3 else quiet
    return found
memory_road: loop
    road, entries = torch.ones_like(f[0]), []
    for f_t in reversed(f):
        road = road * f_t
        entries.insert(0, road)
    return torch.stack(entries)
memory_road: of products
    return torch.stack([f[k:].prod(dim=0) for k in range(len(f))])
""")
HONEST["diagnosis"] += [dict(zip("PQRS", ("Vanishing", "exploding", "saturated", "healthy"), strict=True))]
