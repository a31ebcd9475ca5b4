"""For all tests."""

import signal

# A shell without a terminal starts what it puts into the background with SIGINT ignored, and every
# child would inherit that: the commands that tests end by Ctrl-C could not be ended.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
