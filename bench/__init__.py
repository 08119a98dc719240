"""What Nextmini's figures are measured with that is no part of it."""
