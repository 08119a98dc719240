"""Other programs that carry traffic or make networks, measured on the same machine in the same run."""
