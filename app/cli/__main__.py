"""``python -m app.cli``: what the supervisor runs its children with."""

from app.cli import main

if __name__ == "__main__":
    main()
