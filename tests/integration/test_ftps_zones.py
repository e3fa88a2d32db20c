"""Times in listings: a server's LIST is in its own zone, and only MDTM tells which that is."""
import calendar
import os
import time

import pytest

from lib.fixtures import fetch_from
from lib.ftpd import Proftpd
from lib.wait import wait_for

HOUR, DAY = 3600, 86400
NOW = int(time.time())


def months_ago(months):
    """Noon of the 15th, UTC: no summer time begins or ends then."""
    today = time.gmtime(NOW)
    month = today.tm_mon - months
    year = today.tm_year - (month < 1)
    return calendar.timegm((year, month + 12 * (month < 1), 15, 12, 0, 17))


# name: when it was modified, to how many seconds it must be told
FILES = {
    "minutes": (NOW - 7 * 60 - 23, 60),
    "yesterday": (NOW - DAY - 3 * HOUR, 60),
    "months": (months_ago(2), 60),
    "summer or winter": (months_ago(5), 60),
    "old": (months_ago(11), DAY),
}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Sao_Paulo", "Europe/Berlin",
                                  "America/New_York", "Pacific/Kiritimati"])
def test_zones__times_are_told_in_utc(ferryd, place, zone):
    server = Proftpd(place / "server", extra="TimesGMT off")
    server.env["TZ"] = zone
    server.start()
    try:
        source, destination = fetch_from(ferryd, server, place, list="list")
        for name, (mtime, _) in FILES.items():
            (source / name).write_text(name)
            os.utime(source / name, (mtime, mtime))
        ferryd.start()
        wait_for(lambda: len(ferryd.jobs()) == len(FILES) and
                 {j["state"] for j in ferryd.jobs()} == {"done"}, ferryd.told)
        for name, (mtime, precision) in FILES.items():
            told = ferryd.job(name)["mtime_ms"] / 1000
            assert abs(told - mtime) < precision + (precision > 60) * DAY, \
                (name, time.ctime(told), time.ctime(mtime))
    finally:
        server.stop()
