"""The local time of a moment: the line's `timestamp` and the day whose file it belongs to."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone, tzinfo


class LocalClock:
    """Spells moments in one time zone, by default the machine's; across DST changes too.

    What is spelled once a minute and once a second is kept: offsets only change on whole minutes.
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._minute: tuple[int | None, str, str, str] = (None, "", "", "")
        self._second: tuple[int | None, str, str, str] = (None, "", "", "")

    def spell(self, moment: float) -> tuple[str, str]:
        """Unix seconds -> (`2026-11-22T13:15:53.792000+00:00`, `2026-11-22`). Always six decimals."""
        second, micros = divmod(round(moment * 1_000_000), 1_000_000)
        known, start, offset, day = self._second
        if second != known:
            start, offset, day = self._spell_second(second)
        return f"{start}{str(micros + 1_000_000)[1:]}{offset}", day  # half the time of `:06`

    def _spell_second(self, second: int) -> tuple[str, str, str]:
        minute, seconds = divmod(second, 60)
        known, start, offset, day = self._minute
        if minute != known:
            known, start, offset, day = self._minute = self._spell_minute(minute)
        spelled = f"{start}{seconds:02}."
        self._second = second, spelled, offset, day
        return spelled, offset, day

    def _spell_minute(self, minute: int) -> tuple[int, str, str, str]:
        moment = self._at(minute * 60)
        text = moment.isoformat(timespec="seconds")
        return minute, text[:17], text[19:], text[:10]

    def _at(self, moment: int) -> datetime:
        if self._zone is not None:
            return datetime.fromtimestamp(moment, self._zone)
        local = time.localtime(moment)
        return datetime.fromtimestamp(moment, timezone(timedelta(seconds=local.tm_gmtoff)))
