"""Judges renders: perceptual features, distances of style, a critic, the loss of a level."""
