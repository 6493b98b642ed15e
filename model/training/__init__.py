"""Training: distillation and zero-step pre-training, then meta-training."""
