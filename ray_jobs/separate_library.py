"""Convert a library on a cluster: ``ray job submit -- python ray_jobs/separate_library.py …``.

It takes the arguments and options of ``libsep run``, is that command, and ends with its exit codes;
``ray job submit`` says in ``RAY_ADDRESS`` which cluster does the work.
"""

import sys

from libsep.cli.app import main

if __name__ == "__main__":
    main(["run", *sys.argv[1:]])
