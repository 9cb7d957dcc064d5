import os
import signal

from libsep.batch.interrupts import caught_interrupts


def test_a_signal_after_the_inner_block_is_still_counted_by_the_outer_one() -> None:
    before = signal.getsignal(signal.SIGINT)
    with caught_interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        with caught_interrupts(interrupts) as same:
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert same is interrupts
        assert interrupts.count == 3
        assert interrupts.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGINT) is before


def test_a_hangup_counts_unless_nohup_has_it_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with caught_interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupts.count == 0
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with caught_interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupts.signal == signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, before)
