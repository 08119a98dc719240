"""One algorithm at work: it follows an experiment's rows, calls the hooks, and writes what they decide.

A process of its own, `python -m nextmini.runner`; all that it needs is a database and the experiment's name.
"""
