"""A served Fewstroke whose workers compute nothing: for benchmarks of everything around the model."""
