"""Generations: what is made in a style without a photo, such as compositions; alike for every modality."""
