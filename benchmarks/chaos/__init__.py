"""The fault table: what becomes of jobs when processes, disks, clocks and networks fail."""
