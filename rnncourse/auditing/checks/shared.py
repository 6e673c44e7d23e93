"""One module under several names: `[Block()] * n` in a list, or `self.target = self.online`."""

from collections.abc import Iterator

from torch import nn

from rnncourse.auditing.report import QUESTION, Finding
from rnncourse.auditing.source import place_of
from rnncourse.auditing.subject import Subject

KINDS = ("module repeated",)


def run(s: Subject) -> Iterator[Finding]:
    for path, module in s.probe.modules.items():
        listed = isinstance(module, nn.Sequential | nn.ModuleList)
        children = {key: m for key, m in module._modules.items() if m is not None}
        weighted = {key: m for key, m in children.items() if any(True for _ in m.parameters())}
        if len(weighted) > 1:
            s.made("module repeated")
        for one in weighted.values():
            names = [f"{path}.{key}".lstrip(".") for key, other in weighted.items() if other is one]
            if len(names) < 2 or not (listed or any(True for _ in one.children())):
                continue  # tied layers, such as the embeddings of two languages, are common
            advice = "`[Block()] * n` repeats one module; `[Block() for _ in range(n)]` makes n."
            if not listed:
                advice = "`self.b = self.a` is a second name; `copy.deepcopy(self.a)` is a second module."
            shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            yield Finding(
                "module repeated",
                QUESTION,
                f"{shown} are one and the same {type(one).__name__}: they share all their weights. Is "
                f"this intended? {advice}",
                place_of(s, path if listed else names[-1]),
                names[0],
                numbers={"count": float(len(names))},
                lesson="15",
                by="It is set",
            )
            return
