"""The interactive shell: `nextmini shell`."""
