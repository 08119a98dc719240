"""Nextmini: one scenario file in, a running network out.

`Network` and `AsyncNetwork` are for programs that build networks and run things on them; see docs/api.md.
They are fetched when they are asked for: a dataplane process imports this package and needs neither.
"""

TYPE_CHECKING = False  # typing's is the same to a type checker
if TYPE_CHECKING:
    from nextmini.api import AsyncNetwork, Network

__all__ = ["AsyncNetwork", "Network"]

if not TYPE_CHECKING:  # or any name would do

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module("nextmini.api"), name)
