"""OpenAI's image edits on this service: their form and their answers, around the same jobs."""
