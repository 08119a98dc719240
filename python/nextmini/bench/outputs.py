"""What programs on this machine say that run at the same time and end by themselves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nextmini.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Call:
    """A program with its arguments, what it is called, and its environment; None: ours."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] | None = None


async def outputs(calls: Iterable[Call]) -> list[str]:
    """What each of them says. Raises RunError if one fails.

    The others are ended then, and all if it is cancelled.
    """
    programs = [asyncio.ensure_future(_output(call)) for call in calls]
    try:
        return await asyncio.gather(*programs)
    finally:
        for program in programs:
            program.cancel()
        await asyncio.gather(*programs, return_exceptions=True)


async def _output(call: Call) -> str:
    child = await asyncio.create_subprocess_exec(
        *call.command,
        env=call.env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise RunError(f"{call.name} failed: {''.join(last) or f'exit code {child.returncode}'}")
    return output.decode("utf-8", "replace")
