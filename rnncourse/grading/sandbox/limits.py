"""The resources that one submission may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits for one submission.

    memory: bytes, in addition to what its process starts with. cpu: seconds of processor time for all cells
    (the cases of a task have their check's own limit). wall: seconds by the clock, for cells that only wait;
    more than `cpu`, since a busy machine is not the student's fault. file: bytes in one file. walls: False
    for no sandbox.
    """

    memory: int = 2 * 2**30
    cpu: int = 120
    wall: float = 360.0
    file: int = 64 * 2**20
    walls: bool = True
