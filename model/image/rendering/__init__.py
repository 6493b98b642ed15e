"""What renders: PyTorch itself, or on CPUs that gain by it OpenVINO with the same weights."""
