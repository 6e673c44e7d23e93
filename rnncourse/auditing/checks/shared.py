"""One module several times in a list: `[Block()] * n` gives n names to one set of weights."""

from collections.abc import Iterator

from torch import nn

from rnncourse.auditing.report import QUESTION, Finding
from rnncourse.auditing.source import place_of
from rnncourse.auditing.subject import Subject

KINDS = ("module repeated",)


def run(s: Subject) -> Iterator[Finding]:
    for path, module in s.probe.modules.items():
        if not isinstance(module, nn.Sequential | nn.ModuleList):
            continue
        children = {key: m for key, m in module._modules.items() if m is not None}
        weighted = {key: m for key, m in children.items() if any(True for _ in m.parameters())}
        if len(weighted) > 1:
            s.made("module repeated")
        for one in weighted.values():
            names = [f"{path}.{key}".lstrip(".") for key, other in weighted.items() if other is one]
            if len(names) < 2:
                continue
            shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            yield Finding(
                "module repeated",
                QUESTION,
                f"{shown} are one and the same {type(one).__name__}: they share all their weights. Is "
                "this intended? `[Block()] * n` repeats one module; `[Block() for _ in range(n)]` makes n.",
                place_of(s, path),
                names[0],
                numbers={"count": float(len(names))},
                lesson="15",
                by="It is set",
            )
            return
