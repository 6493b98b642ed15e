"""The audit log: who made, changed and deleted what. It outlives the things themselves."""
