"""Who made, changed and deleted what: the log that outlives the things themselves."""
