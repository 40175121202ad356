"""Browsers without a screen: they read the events of a monitor, drop out, and come back where they were."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any
from urllib.parse import urlencode


class Client:
    """One of many who look at the same runs; counts what it is told, and whether anything came twice or not at all.

    Args:
        port: of the monitor on this machine.
        runs: names of the runs that it looks at.
        seed: of when it drops out.
    """

    def __init__(self, port: int, runs: list[str], *, seed: int) -> None:
        self._port, self._runs, self._rng = port, runs, random.Random(seed)
        self._last_id = ""
        self.num_rows, self.last_step = dict.fromkeys(runs, 0), dict.fromkeys(runs, -1)
        self.num_returns, self.num_bytes, self.faults = -1, 0, list[str]()

    async def look(self, until_s: float) -> None:
        """Looks until a moment of the loop's clock, and drops out every few seconds before."""
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            self.num_returns += 1
            stay_s = min(until_s - loop.time(), self._rng.uniform(2, 6))
            try:
                async with asyncio.timeout(stay_s):
                    await self._listen()
            except TimeoutError:
                pass
            except OSError as error:
                self.faults.append(f"connection: {error}")

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
        try:
            query = urlencode([("run", name) for name in self._runs])
            known = f"Last-Event-ID: {self._last_id}\r\n" if self._last_id else ""
            writer.write(f"GET /events?{query} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{known}\r\n".encode())
            event: dict[str, str] = {}
            while line := await reader.readline():
                self.num_bytes += len(line)
                name, colon, value = line.decode().rstrip("\r\n").partition(": ")
                if colon:
                    event[name] = value
                elif not name:
                    if event.get("event") in ("curves", "rows"):
                        self._take(event["event"], json.loads(event["data"]))
                        self._last_id = event.get("id", self._last_id)
                    event = {}
        finally:
            writer.close()

    def _take(self, kind: str, value: dict[str, Any]) -> None:
        run = value["run"]
        if kind == "curves":
            self.num_rows[run], self.last_step[run] = value["num_rows"], value["num_rows"] - 1
            return
        for _, row in value["rows"]:
            if row["step"] != self.last_step[run] + 1:
                self.faults.append(f"{run}: step {row['step']} came after {self.last_step[run]}")
            self.last_step[run] = int(row["step"])
            self.num_rows[run] += 1
