"""Lesson 17 with other seeds: its own cells are run for each, so the table is that of the page.

    python benchmarks/lesson_17.py [--seeds 10] [--only characters words addresses]

Prints a line for each seed as soon as it is there. All ten take about ten minutes of one core.
"""

import argparse

from lesson_cells import sources

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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="*", choices=JOBS, default=list(JOBS))
    options = parser.parse_args()
    cells = sources("17_tagging")
    for job in options.only:
        print(job, RESULTS[job], sep=": ")
        for seed in range(options.seeds):
            names: dict[str, object] = {"print": lambda *_, **__: None}
            for name in (*SHARED, *JOBS[job]):
                exec(cells[name].replace("SEED = 0", f"SEED = {seed}"), names)
            found = eval(f"({RESULTS[job]},)", names)
            print(seed, *(f"{float(value):.3f}" for value in found), flush=True)


if __name__ == "__main__":
    main()
