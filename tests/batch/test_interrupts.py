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
