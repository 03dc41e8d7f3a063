"""`python -m cozysync` is the `cozysync` command."""

from cozysync.cli.main import main

if __name__ == "__main__":
    main()
