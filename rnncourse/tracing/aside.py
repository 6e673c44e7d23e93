"""Keep what recording a call must not change: autograd, the random generators, autocast."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from rnncourse.spec import Recurrent


@contextmanager
def aside(module: Recurrent) -> Iterator[None]:
    """Run a block in which autograd records nothing, tensors are normal, and no random generator moves."""
    states = random_states(module)
    try:
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        set_random_states(states)


def random_states(module: Recurrent) -> dict[torch.device, Tensor]:
    """Return the states of the random generators of the CPU and of the accelerators that the module is on."""
    devices = {parameter.device for parameter in module.parameters()}
    others = {device for device in devices if device.type not in ("cpu", "meta")}
    states = {device: torch.get_device_module(device).get_rng_state(device) for device in others}
    return {torch.device("cpu"): torch.get_rng_state()} | states


def set_random_states(states: dict[torch.device, Tensor]) -> None:
    """Restore the states that `random_states` returned."""
    for device, state in states.items():
        if device.type == "cpu":
            torch.set_rng_state(state)
        else:
            torch.get_device_module(device).set_rng_state(state, device)


def autocast(device: str) -> dict[str, Any]:
    """Return the current autocast state as the arguments that restore it."""
    return {
        "device_type": device,
        "dtype": torch.get_autocast_dtype(device),
        "enabled": torch.is_autocast_enabled(device),
    }


def in_backward() -> bool:
    """Return whether a backward pass is running."""
    return torch._C._current_graph_task_id() != -1
