"""Signals of all sorts during transfers: nothing breaks, nothing is lost, reloads are harmless."""
import signal

from lib.files import Ledger, content, litter, visible
from lib.wait import wait_for

STORM = (signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE, signal.SIGUSR2, signal.SIGWINCH, signal.SIGHUP)
FILES = 40


def test_signals__a_storm_of_them_costs_no_file(ferryd, route_in, route_out):
    (source_in, arrived_in), (source_out, arrived_out) = route_in, route_out
    ledgers = Ledger(), Ledger()
    ferryd.start()
    for number in range(FILES):
        ledgers[0].produce(source_in, f"in-{number}", content(number, 200000))
        ledgers[1].produce(source_out, f"out-{number}", content(number + FILES, 200000))
        ferryd.process.send_signal(STORM[number % len(STORM)])
    wait_for(lambda: visible(source_in) == visible(source_out) == [], "all files to be carried", 120)
    for ledger, arrived in zip(ledgers, (arrived_in, arrived_out)):
        ledger.check(arrived, "destination")
        assert litter(arrived) == []


def test_signals__one_without_a_meaning_is_told(ferryd, route_in):
    ferryd.start()
    ferryd.process.send_signal(signal.SIGUSR1)
    ferryd.wait_told("this signal means nothing to ferryd", "SIGUSR1")
