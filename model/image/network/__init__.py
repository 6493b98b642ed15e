"""The networks: a stylizer, and the encoder that predicts its style parameters from examples."""
