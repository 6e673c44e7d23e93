"""The exercises' checks: each tells a learner whether a function is right, and if not, which mistake it is.

In a notebook:

    from rnncourse.checks import lstm_gates as check

    check.lstm_step(lstm_step)      # shows the verdict, returns the points

One module for each exercise set (`rnn_cell`, `lstm_gates`). given/ has what notebooks are given, uses/ how
some answers are used; framework/ is shared by all. docs/checks.md says how a set is written.
"""
