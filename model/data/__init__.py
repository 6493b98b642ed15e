"""Style and photo folders, crops and augmentation, K-shot tasks."""
