"""The command, killed (-9) just before a device that is in a vault now writes down its keys."""

import os
import signal

from cozysync.cli.main import main
from cozysync.sync import enrol, recover


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    enrol.finish = recover.finish = die
    main()
