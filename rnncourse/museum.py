"""The museum of lesson 22: claims and published code that are wrong, each with its repair and a test.

    python -m rnncourse.museum docs/museum.md      # the page for the website

museum.md is the one source: lesson 22 has its cells from there, and the page is written from it. An exhibit
has some words and pieces of code. `claim` defines `claimed`, `refute` computes what is wrong with it,
`repair` defines `repaired`, and `test` defines `test(answer)`, which raises for the one and not for the
other. Where they apply, `audit` defines `audited(answer)`, an audit of a model made of it, and `explain` is
an expression: what `explain` says about the call, or the row of its table that has the truth.
"""

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.auditing.report import Audit
from rnncourse.explaining import Explanation
from rnncourse.printing import printable

SOURCE = Path(__file__).with_suffix(".md")
_FENCE = re.compile(r"^```python (\w+)\n(.*?)\n```\n", re.MULTILINE | re.DOTALL)
_QUESTION = re.compile(r"\*\*Predict\.\*\* (.*?)\n\n\*\*Answer\.\*\* (.*?)(?:\n\n|\Z)", re.DOTALL)
NOTHING_TO_ASK, SILENT = "nothing to run it on", "sees nothing"


class Reading(nn.Module):
    """A layer, and a function of it and the inputs: a model small enough to audit."""

    def __init__(self, layer: nn.Module, read: Callable[..., Tensor]) -> None:
        super().__init__()
        self.layer, self.read = layer, read

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return what the function makes of the layer and the inputs."""
        return self.read(self.layer, *inputs)


@dataclass(frozen=True)
class Exhibit:
    """One wrong claim.

    Attributes:
        name: a short name, which is also the beginning of its cells' ids in lesson 22.
        title: the claim in one line.
        kind: "code" or "words".
        source: where it was asked or published, in Markdown.
        claim: the claim, paraphrased.
        question, answer: a prediction to make before the computation, and the explanation.
        more: what else there is to say.
        code: claim, refute, repair and test; perhaps audit and explain.
    """

    name: str
    title: str
    kind: str
    source: str
    claim: str
    question: str
    answer: str
    more: str
    code: Mapping[str, str]

    def run(self, *pieces: str) -> dict[str, Any]:
        """Run the pieces of code, in order, after those of the setup. Return all names that they define."""
        names: dict[str, Any] = {"__name__": f"museum.{self.name}"}
        torch.manual_seed(0)
        for piece, text in [("setup", SETUP), *((piece, self.code[piece]) for piece in pieces)]:
            exec(compile(text, f"{self.name}: {piece}", "exec"), names)
        return names

    def printed(self) -> str:
        """Return what the refutation prints."""
        with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()) as out:
            self.run("claim", "refute")
        return out.getvalue().rstrip()

    def seen_by_explain(self) -> str:
        """Return what `explain` says: the first words of its sentence, or that its table has the truth."""
        if "explain" not in self.code:
            return NOTHING_TO_ASK
        with torch.random.fork_rng(devices=[]):
            found = eval(compile(self.code["explain"], self.name, "eval"), self.run())
        if not isinstance(found, Explanation):  # a row
            return "· its table has it"
        if found.problem:
            return "✗ refuses the call"
        return "? warns" if found.warnings else SILENT

    def seen_by_audit(self) -> str:
        """Return the kinds of findings that the claim's code has and the repair does not."""
        if "audit" not in self.code:
            return NOTHING_TO_ASK
        with torch.random.fork_rng(devices=[]), _quiet():
            names = self.run("claim", "refute", "repair", "audit")
            before, after = (_kinds(names["audited"](names[name])) for name in ("claimed", "repaired"))
        return ", ".join(sorted(before - after)) or SILENT


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _kinds(report: Audit) -> set[str]:
    return {f"{finding.level} {finding.kind}" for finding in (*report.wrong, *report.questions)}


def before_and_after(test: Callable[[Any], None], claimed: object, repaired: object) -> None:
    """Print whether the test fails on the one and passes on the other."""
    for name, answer in (("claimed ", claimed), ("repaired", repaired)):
        print(printable(f"{name}  {_outcome(test, answer)}"))


def _outcome(test: Callable[[Any], None], answer: object) -> str:
    try:
        test(answer)
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        return f"✗ the test fails: {said}" if said else "✗ the test fails"
    return "✓ the test passes"


def _read(text: str) -> tuple[str, tuple[Exhibit, ...]]:
    """Return the code of the setup, and the exhibits."""
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return _FENCE.findall(head)[0][1], tuple(map(_exhibit, sections))


def _exhibit(section: str) -> Exhibit:
    name, title, kind, source, words = section.split("\n", 4)
    code = dict(_FENCE.findall(words))
    claim, question, answer, more = _split_words(_FENCE.sub("", words))
    kind, source = kind.removeprefix("kind: "), source.removeprefix("source: ")
    return Exhibit(name, title, kind, source, claim, question, answer, more, code)


def _split_words(words: str) -> tuple[str, str, str, str]:
    found = _QUESTION.search(words)
    assert found is not None, words
    claim, more = words[: found.start()], words[found.end() :]
    return claim.strip(), found[1], found[2], more.strip()


SETUP, EXHIBITS = _read(SOURCE.read_text(encoding="utf-8"))


def table() -> list[tuple[Exhibit, str, str]]:
    """Return for each exhibit what `explain` and what `audit` see of it."""
    return [(exhibit, exhibit.seen_by_explain(), exhibit.seen_by_audit()) for exhibit in EXHIBITS]


_TURN = """## {number}. {title}

*Source: {source}.*

> {claim}

**Predict.** {question}

<details>
<summary>Answer</summary>

{answer}

</details>

```python
{claimed}
```

```python
{refute}
```

```
{printed}
```

The repair, and the test that fails before it and passes after it:

```python
{repair}
```

```python
{test}
```

{more}
"""

_PAGE = """# Fix the internet: a museum

{count} claims about RNN, LSTM and GRU, in widely read notes or in published code, that a computation refutes.
Each is paraphrased; nobody is to blame, and those who asked have helped.
[Lesson 22](../notebooks/22_fix_the_internet.ipynb) is the guided tour. This page is written from
[one source](../rnncourse/museum.md) by `python -m rnncourse.museum docs/museum.md`.

Every exhibit begins from these lines:

```python
{setup}
```

{turns}
## What the tools see

`rnncourse.explain` reads shapes, `rnncourse.audit` computes what depends on what. ✗ can't be intended, ? may
be intended.

| | claim | explain | audit |
|---|---|---|---|
{rows}
"""


def page() -> str:
    """Return the museum as one page of Markdown, for a file in docs/."""
    turns = (
        _TURN.format(
            number=number,
            title=exhibit.title,
            source=exhibit.source,
            claim=exhibit.claim,
            question=exhibit.question,
            answer=exhibit.answer,
            claimed=exhibit.code["claim"],
            printed=exhibit.printed(),
            more=exhibit.more,
            **{name: exhibit.code[name] for name in ("refute", "repair", "test")},
        )
        for number, exhibit in enumerate(EXHIBITS, start=1)
    )
    rows = "\n".join(
        f"| {number} | {exhibit.title} | {explain} | {audit} |"
        for number, (exhibit, explain, audit) in enumerate(table(), start=1)
    )
    text = _PAGE.format(count=len(EXHIBITS), setup=SETUP, turns="\n".join(turns), rows=rows)
    return re.sub(r"\]\((\d\d_\w+\.ipynb)", r"](../notebooks/\1", text)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
