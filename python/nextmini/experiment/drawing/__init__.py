"""Drawings of networks: where nodes are, what links look like, and matplotlib, which puts them on paper."""
