"""How much one submission may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """For one submission. memory: bytes beyond what its process starts with. cpu: seconds of processor time
    of all its cells (a task's cases have the check's limit); wall: seconds by the clock, for cells that wait,
    and more of them, since a busy machine is not the student's fault. file: bytes of one file. walls: False
    for no sandbox."""

    memory: int = 2 * 2**30
    cpu: int = 120
    wall: float = 360.0
    file: int = 64 * 2**20
    walls: bool = True
