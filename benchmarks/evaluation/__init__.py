"""``fewstroke evaluate``: how good few-shot adaptation is, next to other methods."""
