"""The exercises' checks: each tells a learner whether a function is right, and if not, which mistake it is.

In a notebook:

    from rnncourse.checks import lstm_gates as check

    check.lstm_step(lstm_step)      # shows the verdict, returns the points

One module for each exercise set (`rnn_cell`, `lstm_gates`), all made of the same few things:

    cases.py     the inputs: plain tensors, with the sizes and traits that a verdict can speak of
    evaluate.py  calls the learner's function on copies of the inputs, gives plain data: it knows no answer
    watch.py     notes a call to what is to be built (torch.nn.LSTMCell in the place of a hand-made one)
    check.py     Check: cases, the true function, the known mistakes, the points
    judge.py     arrays in, verdict out: right, or which mistake
    words.py     what a verdict says of values, places and errors
    verdict.py   the sentence, shown in a notebook or a terminal

`evaluate` and `judge` share nothing but the inputs and the answers, so they can run in two processes.
"""
