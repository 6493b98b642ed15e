"""What a render is judged by: perceptual features, distances of style, a critic, the loss of a level."""
