"""The measured figures of the Nextmini paper, made anew on this machine, beside its peers.

A module for each figure, `python -m bench.figures.fig05_paths`, writes what it measured to
`bench/results/fig05.json` and a picture of it; `python -m bench.figures` makes all of them and
`bench/RESULTS.md`. How something is measured is said in `nextmini.bench` and `bench.peers`.
"""
