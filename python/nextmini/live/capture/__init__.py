"""Captures of a running experiment's packets: asked of its processes, merged, written to a file."""
