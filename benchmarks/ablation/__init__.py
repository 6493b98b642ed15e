"""What each part of meta-training is worth: ``python -m benchmarks.ablation --help``."""
