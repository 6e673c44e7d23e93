"""What recording a call must leave as it was: autograd, the random generators, autocast."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from rnncourse.spec import Recurrent


@contextmanager
def aside(module: Recurrent) -> Iterator[None]:
    """In here autograd records nothing, no inference tensor is made, and no random generator moves on."""
    states = random_states(module)
    try:
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        set_random_states(states)


def random_states(module: Recurrent) -> dict[torch.device, Tensor]:
    """Return the random generators' states: the CPU's, and those of the accelerators the module is on."""
    devices = {parameter.device for parameter in module.parameters()}
    others = {device for device in devices if device.type not in ("cpu", "meta")}
    states = {device: torch.get_device_module(device).get_rng_state(device) for device in others}
    return {torch.device("cpu"): torch.get_rng_state()} | states


def set_random_states(states: dict[torch.device, Tensor]) -> None:
    for device, state in states.items():
        if device.type == "cpu":
            torch.set_rng_state(state)
        else:
            torch.get_device_module(device).set_rng_state(state, device)


def autocast(device: str) -> dict[str, Any]:
    """The present autocast, as the arguments that bring it back."""
    return {
        "device_type": device,
        "dtype": torch.get_autocast_dtype(device),
        "enabled": torch.is_autocast_enabled(device),
    }


def in_backward() -> bool:
    return torch._C._current_graph_task_id() != -1
