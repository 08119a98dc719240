"""What links achieve, against what is asked of them: `nextmini bench fidelity`.

- `plan`: what is measured
- `rates`, `delays`, `losses`, `jitters`: a run for each setting, and what is made of what it says
- `pairs`, `reading`: the scenario of such a run, and what it said
- `chance`: how far chance may go
- `row`: what comes out
"""
