"""Topologies and demands from elsewhere: the content of a file in, a network out. Pure."""
