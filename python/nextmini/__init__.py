"""Nextmini: one scenario file in, a running network out."""
