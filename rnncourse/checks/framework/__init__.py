"""The framework shared by all exercise sets. docs/checks.md explains how to write a set with it.

What a set is written with:

    authoring.py the one place that a set imports from
    task.py      a task: what it returns and what its points are for, in words
    notation.py  mistakes as text: a name, a hint, and an edit of the truth
    slips.py     such texts for recurring mistakes: biases, weights, states
    loops.py     what the sets with a cell in a loop share

The half that runs a learner's code and knows no answer:

    cases.py     the inputs: plain tensors, with the sizes and traits that a verdict can name
    use.py       how a learner's object is used: called, built and loaded, or taken as it is
    watch.py     records a call to something the learner has to build (such as torch.nn.LSTMCell)
    limit.py     ends a call that takes too long
    plain.py     turns what was returned into plain data
    evaluate.py  does all of this for one case after another

The half that knows what is right and runs no learner's code:

    parts.py     the kinds of results: a tensor, a number, a shape, a word, a prediction with a score
    mistakes.py  a wrong implementation with its hint
    check.py     Check: cases, the true answer, the known mistakes, the points
    predict.py   the Check of a task that asks for values: a dict of shapes, counts, numbers
    answers.py   compares a learner's answers with the truth and with each mistake
    judge.py     plain data in, verdict out: right, or which mistake; and the points
    tensors.py   otherwise, what is wrong with a tensor (near.py: how close it is to right)
    values.py    or with a number, a shape, a word
    words.py     how a verdict describes values, places and errors
    verdict.py   shows the sentences in a notebook or a terminal (picture.py: two heat maps side by side)
    progress.py  which tasks are done, saved in a small file
"""
