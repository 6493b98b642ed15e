"""What is loaded into the processes of a besieged service: on its path by itself, as `sitecustomize`."""
