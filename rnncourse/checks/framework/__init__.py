"""The framework shared by all exercise sets. docs/checks.md explains how to write a set with it.

What a set is written with:

    authoring.py    the one place that a set imports from
    exercise_set.py the set: its tasks, and what they have in common
    task_text.py    what a task returns and what its points are for, in words
    drawn.py        cases from a few words each
    notation.py     mistakes as text: a name, a hint, and an edit of the truth
    slips.py        such texts for recurring mistakes: biases, weights, states
    variants.py     such texts for the mistakes of a step, written once for all gates
    loops.py        what the sets with a cell in a loop share
    layer.py        what the sets with a whole layer share
    bank.py         writes docs/mistakes.md

The half that runs a learner's code and knows no answer:

    cases.py        the inputs: plain tensors, with the sizes and traits that a verdict can name
    extra_cases.py  two cases that every task gets: the first one again, and a batch of one row
    use.py          how a learner's object is used: called, built and loaded, or taken as it is
    prove.py        how a learner's test is used
    watch.py        records a call to something the learner has to build (such as torch.nn.LSTMCell)
    limit.py        ends a call that takes too long
    plain.py        turns what was returned into plain data
    evaluate.py     does all of this for one case after another

The half that knows what is right and runs no learner's code:

    parts.py        the kinds of results: a tensor, a number, a shape, a word, a prediction with a score
    mistakes.py     a wrong implementation with its hint
    task.py         a task as data: cases, the true answer, the known mistakes, the points
    answers.py      compares a learner's answers with the truth and with each mistake
    judge.py        plain data in, verdict out: right, or which mistake; and the points
    order.py        for a layer: what is wrong first, in the order in which it is built
    tensors.py      otherwise, what is wrong with a tensor (near.py: how close it is to right)
    explain.py      or with a cell's step: which gate must be different
    values.py       or with a number, a shape, a word
    proof.py        or with a learner's test
    words.py        how a verdict describes values, places and errors
    language.py     the sentences, which gettext can translate

Both together, in a notebook:

    check.py        a task that learners can try
    misnamed.py     finds an answer under another name
    verdict.py      shows the sentences in a notebook or a terminal (picture.py: two heat maps side by side)
    progress.py     which tasks are done, saved in a small file
"""
