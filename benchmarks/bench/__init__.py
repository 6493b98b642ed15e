"""``fewstroke bench``: time and memory beside peers and the machine's own rates, measured in one run."""
