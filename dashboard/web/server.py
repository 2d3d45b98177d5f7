"""The server that runs the application: uvicorn, but asleep while nobody asks for anything."""

from __future__ import annotations

import asyncio

import uvicorn

PAUSE = 0.5
"""Seconds between two looks whether to stop; also how old the Date header may be."""

_ROUND = 10
"""uvicorn renews the Date header with every tenth tick; each of ours is one of those."""


class Server(uvicorn.Server):
    """uvicorn looks ten times a second whether it should stop, which is most of what an idle page costs."""

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        tick = 0
        while not await self.on_tick(tick):
            tick = (tick + _ROUND) % 864_000
            await asyncio.sleep(PAUSE)
