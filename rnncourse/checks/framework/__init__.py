"""The framework shared by all exercise sets. docs/checks.md says how a set is written with it.

Written with, by a set:

    authoring.py the one place that a set imports from
    task.py      a task: what it returns and what its points are for, in words
    notation.py  mistakes as text: a name, a hint, and what is done to the truth
    slips.py     such texts for what recurs: biases, weights, gate orders, loops over time
    loops.py     what the sets with a cell in a loop share

The half that runs a learner's code and knows no answer:

    cases.py     the inputs: plain tensors, with the sizes and traits that a verdict can speak of
    use.py       how a learner's object is used: called, built and loaded, taken as it is
    watch.py     notes a call to what is to be built (torch.nn.LSTMCell instead of a hand-made one)
    limit.py     ends a call that takes too long
    plain.py     what came back, as plain data
    evaluate.py  all of these on one case after the other

The half that knows what is right and runs nothing of a learner's:

    parts.py     what one result may be: a tensor, a number, a shape, a word, a prediction with a score
    mistakes.py  a wrong way beside its hint
    check.py     Check: cases, the true answer, the known mistakes, the points
    predict.py   the Check of a task that asks for values: a dict of shapes, counts, numbers
    answers.py   what is right and what each mistake gives, and a learner's answers beside it
    judge.py     plain data in, verdict out: right, or which mistake; and the points
    tensors.py   or else, what is wrong with a tensor (near.py: or how near to right it is)
    values.py    or with a number, a shape, a word
    words.py     what a verdict says of values, places and errors
    verdict.py   the sentences, shown in a notebook or a terminal (picture.py: two heat maps side by side)
    progress.py  which tasks are done, kept in a small file
"""
