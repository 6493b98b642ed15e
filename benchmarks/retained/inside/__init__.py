"""On the path of the processes that are asked; see `sitecustomize`."""
