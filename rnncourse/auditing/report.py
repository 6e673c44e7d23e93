"""Findings of three levels, and the report that holds them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from torch import Tensor

from rnncourse.auditing import view
from rnncourse.auditing.tape import Place

WRONG, QUESTION, FACT = "✗", "?", "·"


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    kind: its short name, for `expect`. level: "✗" certainly a bug, "?" may be intended, "·" a fact. where:
    file, line and code of the call to blame. module, row, step: where it shows. numbers: the measurements, by
    name; of a dependence `unlawful` and `lawful`. lesson: the lesson that explains it. see: a call that shows
    more. so: the findings that follow from the same cause.
    """

    kind: str
    level: str
    text: str
    where: Place | None = None
    module: str = ""
    row: int | None = None
    step: int | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    lesson: str = ""
    see: str = ""
    by: str = ""  # introduces `where`: "First mixed by view"
    so: "tuple[Finding, ...]" = ()

    def __str__(self) -> str:
        return view.finding_as_text(self)


@dataclass(frozen=True, repr=False)
class Audit:
    """The report of an audit: text when printed, HTML in a notebook; `check()` is for tests.

    findings: all that count, one per cause. meant: the findings named in `expect`. checked: the kinds of the
    checks that ran. not_checked: what could not be checked, and why. rows: the rows of the batch that were
    run. cost: forward and backward passes, seconds.
    """

    model: str
    findings: tuple[Finding, ...]
    meant: tuple[Finding, ...]
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    rows: tuple[int, ...]
    cost: dict[str, float]
    _dependence: Callable[[], Tensor]

    @property
    def ok(self) -> bool:
        """Whether no finding is certainly a bug (✗)."""
        return not self.wrong

    @property
    def wrong(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == WRONG)

    @property
    def questions(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == QUESTION)

    @property
    def facts(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == FACT)

    @property
    def dependence(self) -> Tensor:
        """How strongly each output step reads each input step: gradient norms (T_out, T_in), over the batch.

        Computed when first read, with one forward and T_out backward passes. Raises ValueError
        if the outputs have no gradient with respect to the input.
        """
        return self._dependence()

    def check(self, strict: bool = False) -> None:
        """Raise AssertionError with the report's text if something is wrong (✗).

        strict: also raise for a question (?); name intended behaviour in `expect`.
        """
        if not self.ok or (strict and self.questions):
            raise AssertionError(str(self))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        return view.as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return view.as_html(self)


# For each kind of cause, the kinds that follow from it. They are listed under the cause if it is found.
READING = (
    "future read",
    "padding read",
    "starts ignored",
    "reset too early",
    "last step unread",
    "state dropped",
)
MATCHING = ("target mispaired", "loss couples rows", "loss on padding", "mask unread", "input unread")
LEARNING = ("gradient cut", "parameter without gradient")
FOLLOWS: dict[str, tuple[str, ...]] = {
    "unregistered": ("dropout in eval", "random in eval", "parameter without gradient"),
    "state kept": ("random in eval", "batch mixed"),
    "batch as time": ("batch mixed", "steps torn", "backward direction", *READING, *MATCHING, *LEARNING),
    "batch mixed": ("steps torn", "softmax axis", *READING, *MATCHING, *LEARNING),
    "starts ignored": ("mask unread", "place in batch"),
    "reset too early": ("mask unread", "place in batch"),
    "start unread": ("starts ignored", "reset too early", "part unread", "mask unread"),
    "place in batch": ("future read", "padding read", "last step unread", *MATCHING),
    "rows reordered": (*READING, *MATCHING),
    "steps torn": ("backward direction", "loss on padding", "target mispaired", *READING),
    "gates saturated": (
        "input unread",
        "state dropped",
        "parameter without gradient",
        "gradient cut",
        "zero start",
    ),
    "dead ReLU": (
        "input unread",
        "state dropped",
        "parameter without gradient",
        "gradient cut",
        "zero start",
    ),
    "zero start": ("input unread", "state dropped", "parameter without gradient", "gradient cut"),
    "softmax of one": ("parameter without gradient", "input unread"),
    "input unread": ("parameter without gradient", "mask unread", "state dropped", "gradient cut"),
    "future read": ("target in input", "padding read", "state dropped"),
    "padding read": ("mask unread", "last step unread", "state dropped"),
    "no gradient": ("gradient cut", "parameter without gradient"),
    "state dropped": ("parameter without gradient", "gradient cut"),
    "gradient cut": ("parameter without gradient",),
    "state not carried": ("gradient cut", "parameter without gradient"),
    "last layer unread": ("parameter without gradient", "zero start"),
    "unread by the loss": ("loss couples rows", "target mispaired"),
    "backward direction": ("last step unread", "parameter without gradient"),
    "dropout in eval": ("random in eval", "padding read"),
    "shapes broadcast": ("target mispaired", "loss couples rows"),
    "target mispaired": ("loss on padding", "loss couples rows"),
}


def with_causes(found: Iterable[Finding]) -> list[Finding]:
    """Return the findings, with each one that follows from another put under it: one cause, one finding."""
    order = list(FOLLOWS)
    rest = list(found)
    causes = sorted(
        (f for f in rest if f.level == WRONG and FOLLOWS.get(f.kind)), key=lambda f: order.index(f.kind)
    )
    for cause in causes:
        if not any(f is cause for f in rest):
            continue
        below = FOLLOWS[cause.kind]
        follows = [
            f for f in rest if f is not cause and f.level != FACT and f.kind != cause.kind and f.kind in below
        ]
        if follows:
            rest = [f for f in rest if not any(f is other for other in follows)]
            rest[next(k for k, f in enumerate(rest) if f is cause)] = replace(cause, so=tuple(follows))
    levels = {WRONG: 0, QUESTION: 1, FACT: 2}
    return sorted(rest, key=lambda f: levels[f.level])
