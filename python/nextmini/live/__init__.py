"""Experiments that run: starting one in the background, ending it, and acting on it meanwhile."""
