"""What an owner, and strangers, can do to another owner: `python -m benchmarks.siege`."""
