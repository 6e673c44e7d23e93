"""Lesson 17 with other seeds: its own cells are run for each, so the table is that of the page.

    python benchmarks/lesson_17.py [--seeds 10] [--only characters words addresses]

Prints a line for each seed as soon as it is there. All ten take about ten minutes of one core.
"""

import argparse
import json
import os
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"  # a bar for each training would be all that one sees
os.environ.setdefault("MPLBACKEND", "agg")

LESSON = Path(__file__).parents[1] / "notebooks" / "17_tagging.ipynb"
SHARED = (
    "setup",
    "question-run",
    "data-run",
    "loss-run",
    "accuracy-run",
    "window",
    "tagger-run",
    "loop-code",
)
JOBS = {
    "characters": ("loop-run",),
    "words": ("words-baseline", "words-run"),
    "addresses": ("unseen-run", "unseen-spelled", "unseen-train-run"),
}
RESULTS = {
    "characters": "scores['window of ±8'], scores['BiLSTM']",
    "words": "baseline.float().mean(), hit.float().mean(), baseline[ambiguous].float().mean(), "
    "hit[ambiguous].float().mean()",
    "addresses": "*(hit.mean() for hit in hits.values()), *(hit[unseen].mean() for hit in hits.values())",
}


def without_assertions(source: str) -> str:
    """A seed that misses the lesson's margins is to be seen in the table, not to end it."""
    return "\n".join(line for line in source.splitlines() if not line.startswith("assert "))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="*", choices=JOBS, default=list(JOBS))
    options = parser.parse_args()
    notebook = json.loads(LESSON.read_text(encoding="utf-8"))
    sources = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    for job in options.only:
        print(job, RESULTS[job], sep=": ")
        for seed in range(options.seeds):
            names: dict[str, object] = {"print": lambda *_, **__: None}
            for name in (*SHARED, *JOBS[job]):
                exec(without_assertions(sources[name]).replace("SEED = 0", f"SEED = {seed}"), names)
            found = eval(f"({RESULTS[job]},)", names)
            print(seed, *(f"{float(value):.3f}" for value in found), flush=True)


if __name__ == "__main__":
    main()
