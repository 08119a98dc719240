"""Finished runs: found, exported, drawn and compared."""
